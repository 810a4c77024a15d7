"""What is left of a process or of a lab that a test has ended."""

from __future__ import annotations

import contextlib
import os
import subprocess

import psutil

from taskyard.course import Course
from taskyard.deadline import until
from taskyard.engine.remains import PROJECT_LABEL, PROJECT_MARK
from taskyard.kit.console import Show
from taskyard.kit.stack import project_prefix, temporary_folder
from taskyard.learner.runner import Runner

END_S = 60.0


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for does not."""
    process = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return process.stdout.strip()[:1] not in ("", "Z")


def end(process: subprocess.Popen[bytes]) -> None:
    """
    Ask a process to end, and wait until it has; kill it if it does not.

    Raises:
        DeadlineError: It was killed.
    """
    process.terminate()
    try:
        until(lambda: process.poll() is not None, f"the end of {process.args}", END_S)
    finally:
        process.kill()
        process.wait()


def session(leader: int) -> list[str]:
    """List what is left of a session."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


def left_of(lab: str) -> list[str]:
    """
    List what the runs of a lab have left: folders, processes, and what Docker names after them.

    The runs are those of the desk that `TASKYARD_WORK` names.
    """
    course = Course.discover()
    label = Runner(course, course.lab(lab), Show()).label
    return left_under(project_prefix(label), project_prefix(f"check-{label}"))


def left_under(*prefixes: str) -> list[str]:
    """List what is left of the runs whose names begin with these, as `left_of` does for a lab."""
    found = [str(path) for one in prefixes for path in temporary_folder().glob(f"{one}*")]
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            marked = process.environ().get(PROJECT_MARK, "").startswith(prefixes)
            if marked or any(one in word for one in prefixes for word in process.cmdline()):
                found.append(" ".join(process.cmdline()))
    return found + _on_docker(prefixes)


def _on_docker(prefixes: tuple[str, ...]) -> list[str]:
    """List what Docker has under names that begin with these; nothing without Docker."""
    found: list[str] = []
    for listing, field in (
        (["ps", "-a"], "Names"),
        (["network", "ls"], "Name"),
        (["volume", "ls"], "Name"),
        (["image", "ls"], "Repository"),
    ):
        command = ["docker", *listing, "--format", f"{{{{.{field}}}}}"]
        with contextlib.suppress(FileNotFoundError):
            found += subprocess.run(command, capture_output=True, text=True).stdout.split()
    return [name for name in found if name.startswith(prefixes)]


def carrying(run: str) -> dict[str, int]:
    """Count what carries the label of a run on Docker, by its kind."""
    ours = ("-q", "--filter", f"label={PROJECT_LABEL}={run}")
    kinds = {"containers": ("ps", "-a"), "networks": ("network", "ls")}
    kinds |= {"volumes": ("volume", "ls"), "images": ("image", "ls")}
    return {kind: len(docker(*listing, *ours)) for kind, listing in kinds.items()}


def docker(*arguments: str) -> list[str]:
    """Run a command of Docker's, and return the words that it writes."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.split()
