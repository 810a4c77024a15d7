"""Build images with Docker, read which steps were reused, and run and remove the images."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from taskyard.engine.client import docker
from taskyard.engine.remains import PROJECT_LABEL, remove_docker_project
from taskyard.errors import TaskyardError

BUILD_S = 1800.0
COMMAND_S = 120.0

_STEP = re.compile(r"^#(\d+) \[(?:(\S+) +)?(\d+)/\d+\] (.+)$")
_SAID = re.compile(r"^#(\d+) [\d.]+ (.*)$")
_END = re.compile(r"^#(\d+) (CACHED|DONE|ERROR)(?: ([\d.]+)s)?")


@dataclass(frozen=True)
class BuiltStep:
    """
    One step of a real build.

    Attributes:
        stage: BuildKit's name for it; empty if there is only one stage.
        number: The first number in `[2/5]`.
        text: The instruction as BuildKit prints it.
        seconds: How long it took.
        said: What its program printed; empty if the step was reused.
    """

    stage: str
    number: int
    text: str
    is_cached: bool
    seconds: float = 0.0
    said: str = ""


@dataclass(frozen=True)
class Build:
    """A build that succeeded, in so many seconds; its steps do not include FROM."""

    image: str
    steps: tuple[BuiltStep, ...]
    seconds: float

    @property
    def ran(self) -> tuple[BuiltStep, ...]:
        return tuple(step for step in self.steps if not step.is_cached)


class BuildError(TaskyardError):
    """A build failed; `said` is BuildKit's error, and `log` all that it printed."""

    def __init__(self, said: str, log: str, folder: Path) -> None:
        self.said, self.log = said, log
        super().__init__(f"the build failed: {said}", path=folder / "Dockerfile")


class Builder:
    """
    The images and containers of one run; `close` removes them all.

    They carry the label of a Compose project, so that the supervisor of a stack of that name
    removes them even if this process is killed.

    Args:
        project: `Stack.name`, or a name that no stack has.
    """

    def __init__(self, project: str) -> None:
        self.project = project
        self._count = 0

    def build(
        self,
        folder: Path,
        *,
        arguments: Mapping[str, str] | None = None,
        dockerfile: str = "Dockerfile",
        target: str = "",
        options: Sequence[str] = (),
    ) -> Build:
        """
        Build an image from a folder.

        Args:
            folder: The build context.
            arguments: The build arguments.
            target: The stage to build; empty for the last one.
            options: Further options of `docker build`.

        Raises:
            BuildError: The build failed.
        """
        self._count += 1
        image = f"{self.project}:{self._count}"
        given = [f"--build-arg={name}={value}" for name, value in (arguments or {}).items()]
        given += [f"--target={target}"] if target else []
        begin = time.monotonic()
        done = docker(
            self.project,
            *("build", "--progress=plain", f"--tag={image}", f"--file={folder / dockerfile}"),
            *(f"--label={PROJECT_LABEL}={self.project}", *given, *options, str(folder)),
            timeout_s=BUILD_S,
        )
        seconds = time.monotonic() - begin
        if done.returncode:
            raise BuildError(_last_word(done.stderr), done.stderr, folder)
        return Build(image, tuple(read_log(done.stderr)), seconds)

    def start(self, image: str, *options: str) -> str:
        """
        Start a container and return its id.

        Raises:
            TaskyardError: Docker cannot start it; quotes Docker's error.
        """
        label = f"--label={PROJECT_LABEL}={self.project}"
        return self.run("run", "--detach", label, *options, image).strip()

    def output(self, image: str, *command: str, options: Sequence[str] = ()) -> str:
        """
        Run a container to its end and return what it wrote to stdout.

        This reads the container's log, because an attached client may miss the last lines of a
        container that ends at once.

        Raises:
            TaskyardError: The container's exit status is not 0; quotes the end of its log.
        """
        label = f"--label={PROJECT_LABEL}={self.project}"
        container = self.run("run", "--detach", label, *options, image, *command).strip()
        status = self.run("wait", container).strip()
        written = docker(self.project, "logs", container, timeout_s=COMMAND_S)
        self.run("rm", container)
        if status != "0":
            last = (written.stderr.strip() or written.stdout.strip()).splitlines() or ["nothing"]
            raise TaskyardError(f"a container of `{image}` ended with {status}: {last[-1]}")
        return written.stdout

    def run(self, *arguments: str, timeout_s: float = COMMAND_S) -> str:
        """
        Run a `docker` command and return what it prints.

        Raises:
            TaskyardError: The command failed; quotes Docker's error.
        """
        done = docker(self.project, *arguments, timeout_s=timeout_s)
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines() or [""]
            line = next((line for line in said if "Error response" in line), said[-1])
            raise TaskyardError(f"`{shlex.join(['docker', *arguments[:1]])}` failed: {line}")
        return done.stdout

    def logs(self, container: str) -> str:
        """Return all that a container wrote to stdout, followed by all that it wrote to stderr."""
        done = docker(self.project, "logs", container, timeout_s=COMMAND_S)
        return done.stdout + done.stderr

    def layers(self, image: str) -> list[int]:
        """Return the sizes of the layers that are not empty, in bytes, the lowest layer first."""
        told = self.run("history", "--human=false", "--format={{.Size}}", image)
        return [size for line in reversed(told.split()) if (size := int(float(line)))]

    def label(self, image: str, name: str) -> str:
        """Return a label of an image; empty if it has none."""
        told = self.run("image", "inspect", "--format={{json .Config.Labels}}", image)
        return str((json.loads(told) or {}).get(name, ""))

    def close(self) -> None:
        """Remove every image and container of this run; the build cache stays."""
        remove_docker_project(self.project)

    def __enter__(self) -> Builder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_log(log: str) -> Iterator[BuiltStep]:
    """Yield the steps, except FROM, in the output of `docker build --progress=plain`."""
    names: dict[str, re.Match[str]] = {}
    ends: dict[str, re.Match[str]] = {}
    said: dict[str, list[str]] = {}
    for line in log.splitlines():
        if step := _STEP.match(line):
            names.setdefault(step[1], step)
        elif end := _END.match(line):
            ends[end[1]] = end
        elif line_said := _SAID.match(line):
            said.setdefault(line_said[1], []).append(line_said[2])
    for number, step in names.items():
        if number in ends and not step[4].startswith("FROM "):
            end = ends[number]
            cached, seconds = end[2] == "CACHED", float(end[3] or 0)
            text = "\n".join(said.get(number, ()))
            yield BuiltStep(step[2] or "", int(step[3]), step[4], cached, seconds, text)


def _last_word(log: str) -> str:
    """Return the line that says why a build failed."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["nothing was said"])[-1].removeprefix("ERROR: ")
