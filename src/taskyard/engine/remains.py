"""What a run leaves behind, and how all of it is removed: processes, containers, files."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TypedDict

import psutil

from taskyard.compose.model import Project
from taskyard.deadline import DeadlineError, until

PROJECT_MARK = "TASKYARD_PROJECT"
"""Every process of a run carries it, so that one that left its process group is found as well."""

PROJECT_LABEL = "com.docker.compose.project"

NAMELESS = re.compile("[0-9a-f]{64}")
"""What Docker calls a volume that nobody named. Its label for them is not on those of Compose."""

MOUNTED = '{{range .Mounts}}{{if eq .Type "volume"}}{{println .Name}}{{end}}{{end}}'

SWEEP_S = 10.0
DOCKER_S = 60.0

IPC_RMID = 0
"""Source: `sys/ipc.h` of Linux and of macOS."""


class About(TypedDict):
    """
    What a supervisor must know to end a run; kept in the state folder as `run.json`.

    Attributes:
        remove: Paths that go with the run.
        links: Symbolic links into the state folder, which stand elsewhere and go with it.
        volumes: What Docker calls the volumes that the file names; None where nobody knows.
    """

    state: str
    project: str
    engine: str
    folder: str
    remove: list[str]
    links: list[str]
    volumes: list[str] | None


def clean_up(about: About) -> None:
    """End what a run started and remove what it made; nothing of it may be left."""
    sweep(**{PROJECT_MARK: about["project"]})
    if about["engine"] == "docker":
        remove_docker_project(about["project"], about.get("volumes", []))  # an older run has none
    for link in map(Path, about["links"]):
        if link.is_symlink() and link.readlink().is_relative_to(about["state"]):
            link.unlink()
    remove_data(Path(about["state"]))
    for path in about["remove"]:
        shutil.rmtree(path, ignore_errors=True)


def remove_data(folder: Path) -> None:
    """
    Remove a folder, and what a PostgreSQL that was killed has left in the kernel for its data.

    The seventh line of the server's lock file names that piece of shared memory: key and id.
    """
    libc = ctypes.CDLL(None)
    for note in folder.rglob("postmaster.pid"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            key, number = map(int, note.read_text().splitlines()[6].split())
            if libc.shmget(key, 0, 0) == number:
                libc.shmctl(number, IPC_RMID, None)
    shutil.rmtree(folder, ignore_errors=True)


def sweep(**marks: str) -> None:
    """
    Kill every process whose environment holds these marks, again until none is left.

    It polls, because waiting for a child here would take its exit status from asyncio.
    """

    def is_over() -> bool:
        found = [process for process in psutil.process_iter() if _is_marked(process, marks)]
        for process in found:
            kill_with_children(process)
        return not found

    with contextlib.suppress(DeadlineError):  # it hangs in the kernel, and nothing can be done
        until(is_over, "what SIGKILL has ended to be gone", SWEEP_S)


def kill_with_children(process: psutil.Process) -> None:
    """
    Kill a process, and what it has started.

    The processes of a PostgreSQL write their title over their environment, where the marks were,
    and each is in a group of its own.
    """
    children = []
    with contextlib.suppress(psutil.Error):
        children = process.children(recursive=True)
    for one in (process, *children):
        with contextlib.suppress(psutil.Error):
            one.kill()


def _is_marked(process: psutil.Process, marks: dict[str, str]) -> bool:
    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        environ = process.environ()
    except (psutil.Error, OSError):
        return False
    return all(environ.get(name) == value for name, value in marks.items())


def volume_names(project: Project, run: str) -> list[str]:
    """Return what Docker calls the volumes that a Compose file names, in a run of this name."""
    return [
        str(entry.get("name") or (name if entry.get("external") else f"{run}_{name}"))
        for name, entry in project.volumes.items()
    ]


def nameless(mounted: Iterable[str], named: Iterable[str]) -> set[str]:
    """
    Pick the volumes that Docker made for the containers of a run because nobody named one.

    A volume that the file names is never among them: one from outside may be nameless for Docker.
    """
    return {name for name in mounted if NAMELESS.fullmatch(name)}.difference(named)


def remove_docker_project(project: str, named: Collection[str] | None = None) -> None:
    """
    Remove the containers, networks, volumes and images that carry a Compose project's label.

    It tries again until it has removed nothing twice: the engine may still be making what the
    client asked for before it was killed. What another run uses stays. A volume without a name has
    no such label. It goes with its container, but not once Compose has handed it to another one, so
    it is remembered here.

    Args:
        named: Volumes that the file names. None: nobody knows, so what has no label stays.
    """
    quiet, end = 0, time.monotonic() + DOCKER_S
    ours = ("--filter", f"label={PROJECT_LABEL}={project}")
    mounted: set[str] = set()
    while quiet < 2 and time.monotonic() < end:
        if containers := _docker("ps", "-aq", *ours).split():
            mounted.update(_docker("inspect", "--format", MOUNTED, *containers).split())
        removed = [
            _docker(*removal, *ids)  # it says what it has removed
            for listing, removal in (
                (("ps", "-aq"), ("rm", "-fv")),
                (("network", "ls", "-q", "--filter", "dangling=true"), ("network", "rm")),
                (("volume", "ls", "-q", "--filter", "dangling=true"), ("volume", "rm", "-f")),
                (("image", "ls", "-q"), ("image", "rm", "-f")),
            )
            if (ids := _docker(*listing, *ours).split())
        ]
        # No other run has these containers: one that is not gone is on its way
        quiet = 0 if containers or any(removed) else quiet + 1
        time.sleep(0.1)
    own = nameless(mounted, named) if named is not None else set()
    if left := own.intersection(_docker("volume", "ls", "-q").split()):
        _docker("volume", "rm", "-f", *sorted(left))


def _docker(*arguments: str) -> str:
    command = ["docker", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=DOCKER_S
        )
    except subprocess.TimeoutExpired as error:
        print(error, file=sys.stderr, flush=True)
        return ""
    if done.returncode:
        print(done.stderr.strip(), file=sys.stderr, flush=True)
    return done.stdout
