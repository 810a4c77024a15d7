"""Removal of all that a run may leave behind: processes, containers, volumes and files."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import psutil

from taskyard.deadline import DeadlineError, until
from taskyard.engine import command
from taskyard.engine.protocol import ServiceError

if TYPE_CHECKING:  # as in `protocol`
    from taskyard.compose.model import Project

PROJECT_MARK = "TASKYARD_PROJECT"
"""A variable of every process of a run, which finds even those that left their process group."""

PROJECT_LABEL = "com.docker.compose.project"

NAMELESS = re.compile("[0-9a-f]{64}")
"""The name that Docker gives an anonymous volume.

Docker labels such a volume only if it made it itself, and not for Compose.
"""

MOUNTED = '{{range .Mounts}}{{if eq .Type "volume"}}{{println .Name}}{{end}}{{end}}'

SWEEP_S = 10.0
DOCKER_S = 60.0

IPC_RMID = 0
"""Source: `sys/ipc.h` of Linux and of macOS."""


class About(TypedDict):
    """
    What is needed to end a run; the supervisor keeps it in the state folder as `run.json`.

    Attributes:
        state: The state folder.
        project: The Compose project's name.
        engine: `docker` or `local`.
        folder: The folder of the Compose file.
        remove: Further paths to remove at the end of the run.
        links: Symbolic links that point into the state folder, and are removed with it.
        volumes: Docker's names for the volumes that the file names; None if they are unknown.
    """

    state: str
    project: str
    engine: str
    folder: str
    remove: list[str]
    links: list[str]
    volumes: list[str] | None


def clean_up(about: About) -> None:
    """End every process that a run started, and remove everything that it made."""
    sweep(**{PROJECT_MARK: about["project"]})
    if about["engine"] == "docker":
        # An earlier version of the course wrote no `volumes`
        remove_docker_project(about["project"], about.get("volumes", []))
    for link in map(Path, about["links"]):
        if link.is_symlink() and link.readlink().is_relative_to(about["state"]):
            link.unlink()
    remove_data(Path(about["state"]))
    for path in about["remove"]:
        shutil.rmtree(path, ignore_errors=True)


def remove_data(folder: Path) -> None:
    """
    Remove a folder, and the shared memory of each killed PostgreSQL whose data folder lies in it.

    The seventh line of `postmaster.pid` holds the key and the id of that shared memory.
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
    Kill every process whose environment holds these variables, until none is left.

    It polls, because waiting for a child here would take its exit status away from asyncio.

    Args:
        marks: Name of a variable to its value; a process must have all of them.
    """

    def is_over() -> bool:
        found = [one for one in psutil.process_iter() if marks.items() <= _environment(one).items()]
        for process in found:
            kill_with_children(process)
        return not found

    with contextlib.suppress(DeadlineError):  # it hangs in the kernel, and nothing can be done
        until(is_over, "what SIGKILL has ended to be gone", SWEEP_S)


def kill_with_children(process: psutil.Process) -> None:
    """
    Kill a process and all its descendants.

    Neither marks nor process groups find the processes of a PostgreSQL server: each writes its
    title over its environment, and leads a group of its own.
    """
    children = []
    with contextlib.suppress(psutil.Error):
        children = process.children(recursive=True)
    for one in (process, *children):
        with contextlib.suppress(psutil.Error):
            one.kill()


def running(prefix: str) -> set[str]:
    """Return the projects whose names begin with `prefix` and of which a process runs."""
    names = (_environment(process).get(PROJECT_MARK, "") for process in psutil.process_iter())
    return {name for name in names if name.startswith(prefix)}


def _environment(process: psutil.Process) -> dict[str, str]:
    """Return a process's variables; none if it is this one, has ended, or is another user's."""
    with contextlib.suppress(psutil.Error, OSError):
        if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
            return process.environ()
    return {}


def volume_names(project: Project, run: str) -> list[str]:
    """Return Docker's names for the volumes that a project's file names, in the run `run`."""
    return [
        str(entry.get("name") or (name if entry.get("external") else f"{run}_{name}"))
        for name, entry in project.volumes.items()
    ]


def nameless(mounted: Iterable[str], named: Iterable[str]) -> set[str]:
    """
    Return the anonymous volumes among those that a run's containers had mounted.

    Args:
        mounted: Names of mounted volumes.
        named: Volumes that the file names. An external one may look anonymous, and is left out.
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
        named: Volumes that the file names; None if unknown, and then anonymous volumes stay.
    """
    quiet = 0
    ours = ("--filter", f"label={PROJECT_LABEL}={project}")
    mounted: set[str] = set()

    def is_over() -> bool:
        nonlocal quiet
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
        return quiet == 2

    with contextlib.suppress(DeadlineError):  # the client has said what Docker does not remove
        until(is_over, "Docker to remove what this run made", DOCKER_S)
    own = nameless(mounted, named) if named is not None else set()
    if own and (left := own.intersection(_docker("volume", "ls", "-q").split())):
        _docker("volume", "rm", "-f", *sorted(left))


def _docker(*arguments: str) -> str:
    try:
        done = command.run(["docker", *arguments], DOCKER_S)
    except (ServiceError, DeadlineError) as error:
        print(error, file=sys.stderr, flush=True)
        return ""
    if done.returncode:
        print(done.stderr.strip(), file=sys.stderr, flush=True)
    return done.stdout
