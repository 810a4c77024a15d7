"""Runs that were left running (`KEEP=1`), as later commands find them."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import psutil

from taskyard.deadline import BusyError, DeadlineError
from taskyard.engine.client import docker
from taskyard.engine.holder import ask_run, end_run, kept_runs
from taskyard.engine.protocol import ServiceError
from taskyard.engine.remains import PROJECT_LABEL, About, running
from taskyard.errors import TaskyardError

ASK_S = 10.0
PUBLISHED = re.compile(r"(?P<host>[\d.]+):(?P<port>\d+)->(?P<target>\d+)/tcp")


@dataclass(frozen=True)
class Standing:
    """
    One replica of a kept run.

    Attributes:
        name: Service and number, as in `worker-1`.
        state: In the engine's words, such as `Up 3 minutes (healthy)`.
        addresses: A port of the container to its address on this machine, `127.0.0.1:49153`.
        log: The path of the log file, or the command that prints the log.
        key: The engine's name for it: a container's name, or a process id (empty if it has ended).
    """

    name: str
    state: str
    addresses: Mapping[int, str]
    log: str
    key: str = field(repr=False)

    @property
    def service(self) -> str:
        return self.name.rpartition("-")[0]


class KeptRun(ABC):
    """
    One run that was left running.

    Attributes:
        name: The name of its Compose project.
        engine: `docker` or `local`.
    """

    def __init__(self, about: About) -> None:
        self.name, self.engine = about["project"], about["engine"]
        self._about = about

    @abstractmethod
    def replicas(self) -> list[Standing]:
        """
        List the replicas in the order in which they started.

        Raises:
            TaskyardError: The run's engine does not answer.
        """

    @abstractmethod
    def log(self, replica: Standing) -> str:
        """Return all that a replica has written."""

    @abstractmethod
    def shell_line(self, replica: Standing, number: int) -> str:
        """Return the command that opens a shell beside a replica of lab `number`."""

    @abstractmethod
    def shell(self, replica: Standing) -> NoReturn:
        """Replace this process by a shell in a replica's environment and working directory."""

    def end(self) -> None:
        """Remove the run: its containers or processes, its volumes and its files."""
        end_run(self._about)

    def find(self, service: str) -> list[Standing]:
        """
        Return some of the replicas.

        Args:
            service: A service such as `worker`, one replica such as `worker-2`, or an empty string
                for all replicas.

        Raises:
            TaskyardError: No replica has this name; the hint gives the closest one.
        """
        replicas = self.replicas()
        found = [r for r in replicas if service in ("", r.service, r.name)]
        if found:
            return found
        names = list(dict.fromkeys(replica.service for replica in replicas))
        near = difflib.get_close_matches(service, names, n=1)
        listed = ", ".join(f"`{name}`" for name in names) or "nothing that runs"
        raise TaskyardError(
            f"there is no service `{service}` in `{self.name}`",
            hint=f"did you mean `{near[0]}`?" if near else f"it has {listed}",
        )


class _Local(KeptRun):
    def replicas(self) -> list[Standing]:
        state = Path(self._about["state"])
        found = []
        for report in ask_run(self._about, "ps"):
            service, index = report["name"].split("/")
            notes = sorted((state / "network" / report["name"]).glob("[0-9]*"))
            found.append(
                Standing(
                    name=f"{service}-{index}",
                    state=" ".join(filter(None, [report["state"], report["health_state"]])),
                    addresses={int(note.name): f"127.0.0.1:{note.read_text()}" for note in notes},
                    log=str(state / "logs" / f"{service}-{index}.log"),
                    key=str(report["pid"] or ""),
                )
            )
        return found

    def log(self, replica: Standing) -> str:
        path = Path(replica.log)
        return path.read_text(errors="replace") if path.exists() else ""

    def shell_line(self, replica: Standing, number: int) -> str:
        return f"make shell-{number} SERVICE={replica.service}"

    def shell(self, replica: Standing) -> NoReturn:
        try:
            process = psutil.Process(int(replica.key))
            environment, folder = process.environ(), process.cwd()
        except (ValueError, psutil.Error):
            raise TaskyardError(
                f"`{replica.name}` is not running, so nothing can run beside it"
            ) from None
        os.chdir(folder)
        # The terminal needs these, and a service's environment lacks them
        environment |= {"TERM": os.environ.get("TERM", "dumb"), "PS1": f"{replica.name}$ "}
        os.execve("/bin/sh", ["sh"], environment)


class _Docker(KeptRun):
    def replicas(self) -> list[Standing]:
        done = self._docker(
            *("ps", "--all", "--no-trunc", "--format", "json"),
            *("--filter", f"label={PROJECT_LABEL}={self.name}"),
        )
        if done.returncode:
            raise TaskyardError(f"Docker does not say what runs: {done.stderr.strip()}")
        containers = [json.loads(line) for line in done.stdout.splitlines()]
        return [self._standing(container) for container in reversed(containers)]  # newest first

    def _standing(self, container: Mapping[str, Any]) -> Standing:
        labels = dict(label.partition("=")[::2] for label in container["Labels"].split(","))
        name = "-".join(labels[f"com.docker.compose.{x}"] for x in ("service", "container-number"))
        return Standing(
            name=name,
            state=container["Status"],
            addresses={
                int(found["target"]): f"{found['host']}:{found['port']}"
                for found in PUBLISHED.finditer(container["Ports"])
            },
            log=f"docker logs {container['Names']}",
            key=container["Names"],
        )

    def log(self, replica: Standing) -> str:
        done = self._docker("logs", replica.key)
        return done.stdout + done.stderr

    def _docker(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            return docker(self.name, *arguments)
        except BusyError as error:
            raise TaskyardError(str(error)) from error

    def shell_line(self, replica: Standing, number: int) -> str:
        return f"docker exec -it {replica.key} sh"

    def shell(self, replica: Standing) -> NoReturn:
        client = shutil.which("docker") or "docker"
        how = "-it" if sys.stdin.isatty() else "-i"
        os.execv(client, ["docker", "exec", how, replica.key, "sh"])


def find_kept(temporary: Path, prefix: str) -> list[KeptRun]:
    """
    Find the runs that were left running, the newest last.

    Each run has a note in its state folder. A reboot may delete temporary files and keep
    containers, and a killed supervisor leaves processes. What has no note is found by its label or
    its mark.

    Args:
        temporary: The folder that holds the state folders.
        prefix: The beginning of the names of their projects.
    """
    noted = kept_runs(temporary, prefix)
    known = {about["project"] for about in noted}
    engines = {"docker": _Docker, "local": _Local}
    abouts = [*_without_note(temporary, prefix, known), *noted]
    return [engines[about["engine"]](about) for about in abouts]


def _without_note(temporary: Path, prefix: str, known: Collection[str]) -> list[About]:
    """Describe the runs of which only containers or processes are left."""
    found = dict.fromkeys(running(prefix), "local") | dict.fromkeys(_in_docker(prefix), "docker")
    return [
        About(
            state=str(temporary / name),
            project=name,
            engine=found[name],
            folder="",
            remove=[],
            links=[],
            volumes=None,
        )
        for name in sorted(found.keys() - known)
    ]


def _in_docker(prefix: str) -> list[str]:
    """Return the projects whose names begin with `prefix`, one for each of their containers."""
    if shutil.which("docker") is None:
        return []
    label = f'{{{{.Label "{PROJECT_LABEL}"}}}}'
    # A lab on the local engine must not fail because Docker hangs
    with suppress(ServiceError, DeadlineError):
        # The client gets no run's mark, with which another command would take it for a run
        done = docker("", "ps", "--all", "--format", label, timeout_s=ASK_S)
        return [name for name in done.stdout.split() if name.startswith(prefix)]
    return []
