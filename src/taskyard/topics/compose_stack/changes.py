"""What a change takes: rebuild, recreate, restart or nothing, predicted and measured on Docker."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from taskyard.compose import Service, read
from taskyard.deadline import until
from taskyard.engine.client import docker
from taskyard.kit.stack import Stack

Answer = Literal["nothing", "recreate", "restart", "rebuild"]

FILES = {
    "compose.yaml": """\
services:
  api:
    build: .
    env_file: [api.env]
    environment:
      GREETING: ${GREETING:-hello}
      COLOUR: red
    volumes: ["./prices.txt:/prices.txt:ro"]
    healthcheck:
      test: ["CMD", "true"]
      interval: 30s
""",
    "Dockerfile": """\
FROM python:3.13-slim
ENV SHAPE=round
COPY shop.py /
CMD ["python", "-u", "/shop.py"]
""",
    # When it starts, it prints everything that a change can reach
    "shop.py": """\
import json, os, pathlib, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
VERSION = 1
own = {name: os.environ.get(name) for name in ("GREETING", "COLOUR", "SIZE", "SHAPE")}
print(json.dumps([VERSION, own, pathlib.Path("/prices.txt").read_text()]))
signal.pause()
""",
    "prices.txt": "teapot 12\n",
    "api.env": "SIZE=large\n",
    ".env": "GREETING=hello\nUNUSED=1\n",
}
IN_THE_IMAGE = ("Dockerfile", "shop.py")
MOUNTED = ("prices.txt",)
DOCKER_S = 300.0


@dataclass(frozen=True)
class Change:
    """One edit of one file: `old` becomes `new`."""

    what: str
    file: str
    old: str
    new: str

    def apply(self, folder: Path) -> None:
        """Make the edit in a folder."""
        path = folder / self.file
        path.write_text(path.read_text().replace(self.old, self.new))


CHANGES = (
    Change("a comment in compose.yaml", "compose.yaml", "services:", "# the shop\nservices:"),
    Change("a line of .env that nothing uses", ".env", "UNUSED=1", "UNUSED=2"),
    Change("a line of .env that ${…} uses", ".env", "=hello", "=welcome"),
    Change("a line of the env_file", "api.env", "large", "small"),
    Change("a value under environment", "compose.yaml", "COLOUR: red", "COLOUR: blue"),
    Change("the health check", "compose.yaml", "interval: 30s", "interval: 20s"),
    Change(
        "a new service beside it",
        "compose.yaml",
        "services:",
        "services:\n  redis: {image: redis:8-alpine}",
    ),
    Change("a file that is mounted", "prices.txt", "12", "13"),
    Change("a file that is copied into the image", "shop.py", "VERSION = 1", "VERSION = 2"),
    Change("ENV in the Dockerfile", "Dockerfile", "round", "square"),
)


def lay_out(folder: Path) -> Path:
    """Write the project into a folder, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


def foretell(change: Change, folder: Path) -> Answer:
    """Apply a change; return what it takes, by what Compose compares: definition and image."""
    before = _definition(folder)
    change.apply(folder)
    if change.file in IN_THE_IMAGE:
        return "rebuild"
    if _definition(folder) != before:
        return "recreate"
    return "restart" if change.file in MOUNTED else "nothing"


def _definition(folder: Path) -> Service:
    """Return the service without its lines, so that one that has only moved is the same."""
    return replace(read(folder / "compose.yaml", {}).services["api"], line=0, lines={})


class Measurement:
    """
    The project, running on Docker.

    ```python
    with Measurement(folder) as measurement:
        answers = [measurement.of(change) for change in CHANGES]
    ```
    """

    def __init__(self, folder: Path) -> None:
        self._folder = lay_out(folder)
        # Its supervisor removes the containers even if this process is killed
        self._stack = Stack(folder, "docker", label="changes")
        self._restarts = Counter[str]()

    def __enter__(self) -> Measurement:
        try:
            self._compose("up", "--detach", "--build")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._compose("down", "--rmi", "local", "--volumes", "--remove-orphans")
        finally:
            self._stack.close()

    def of(self, change: Change) -> Answer:
        """Apply a change; try `up`, a restart and a rebuild in turn until it takes effect."""
        before, container = self._effect(), self._container()["Id"]
        change.apply(self._folder)
        self._compose("up", "--detach")
        if self._container()["Id"] != container:
            return "recreate"
        self._compose("restart", "api")
        self._restarts[container] += 1
        if self._effect() != before:
            return "restart"
        self._compose("up", "--detach", "--build")
        return "rebuild" if self._effect() != before else "nothing"

    def _effect(self) -> tuple[str, str]:
        """Return the last line that the container's process printed, and the health check."""
        container = self._container()
        starts = 1 + self._restarts[container["Id"]]

        # Not `--since`: on a busy machine, Docker records a start after the process has printed
        def said() -> list[str]:
            lines = self._docker("logs", container["Id"]).split("\n")[:-1]
            return lines if len(lines) >= starts else []

        last = until(said, "the shop to say what it was started with")[-1]
        return last, json.dumps(container["Config"]["Healthcheck"])

    def _container(self) -> dict[str, Any]:
        ids = self._compose("ps", "--all", "--quiet", "api").split()
        found: list[dict[str, Any]] = json.loads(self._docker("inspect", *ids))
        return found[0]

    def _compose(self, *arguments: str) -> str:
        place = ("--project-name", self._stack.name, "--project-directory", str(self._folder))
        return self._docker("compose", *place, *arguments)

    def _docker(self, *arguments: str) -> str:
        done = docker(self._stack.name, *arguments, timeout_s=DOCKER_S)
        done.check_returncode()
        return done.stdout
