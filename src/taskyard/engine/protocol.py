"""What both engines can do with a Compose project, and what they say about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from taskyard.compose.model import Project
from taskyard.errors import TaskyardError

IMAGE = "taskyard-runtime"
"""The image of every worker and API in the labs: the stage `runtime` of the root Dockerfile."""

State = Literal["created", "running", "restarting", "exited"]
"""On Docker a container is `created` until what it depends on is there."""
Health = Literal["starting", "healthy", "unhealthy"]


@dataclass(frozen=True)
class Replica:
    """
    One container, or the processes that stand for it.

    Attributes:
        index: From 1, as in `worker-1`.
        health: None where the service has no health check.
        exit_code: Of the last run; 128 + N where signal N ended it. None while the first run lasts.
        hostname: What `socket.gethostname()` says inside: the second half of a Celery node name.
        restarts: How often the restart policy started it again.
        health_log: What the last health check printed.
    """

    service: str
    index: int
    state: State
    health: Health | None
    exit_code: int | None
    hostname: str
    restarts: int = 0
    health_log: str = ""

    @property
    def name(self) -> str:
        return f"{self.service}-{self.index}"


@dataclass(frozen=True)
class Completed:
    """What a command that ran inside a replica left behind."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Run:
    """
    One run of a project: what an engine is made from.

    Attributes:
        name: The Compose project's name, unique on this machine.
        state: A folder of this run's own; the engine's supervisor removes it at the end.
        publish: Ports that whoever holds the run asks for: service to container port.
        remove: More paths that go with the run.
    """

    project: Project
    name: str
    state: Path
    publish: Mapping[str, int] = field(default_factory=dict)
    remove: Sequence[Path] = ()


class ServiceError(TaskyardError):
    """
    A service died, never became healthy, or is not there; the message holds its last lines.

    Attributes:
        log: All that the service has written; empty where there is none.
    """

    log = ""


class Engine(Protocol):
    """A running Compose project. Services are named as in the file; replicas count from 1."""

    name: str

    def __init__(self, run: Run) -> None: ...

    @staticmethod
    def unsupported(project: Project) -> list[str]:
        """Say in one sentence each what this engine cannot show of the project."""

    def up(self, timeout_s: float = 120.0) -> None:
        """
        Start every service in the order of `depends_on`; return when all run and are healthy.

        Raises:
            ServiceError: A service ended, or the deadline passed; holds the last lines.
        """

    def ps(self) -> list[Replica]:
        """List the replicas, in the file's order of services."""

    def scale(self, service: str, replicas: int, timeout_s: float = 60.0) -> None:
        """Start or remove replicas until there are as many; the highest numbers go first."""

    def logs(self, service: str, index: int | None = None) -> str:
        """Return what a service's replicas, or one of them, wrote to stdout and stderr."""

    def exec(
        self, service: str, command: Sequence[str], index: int = 1, timeout_s: float = 60.0
    ) -> Completed:
        """Run a command beside a replica's own process, with its environment and folder."""

    def kill(self, service: str, index: int | None = None, signal: str = "SIGKILL") -> None:
        """Send a signal as `docker kill` does: the restart policy does not apply."""

    def crash(self, service: str, index: int | None = None) -> None:
        """End the replica's first process as a fault would: the restart policy applies."""

    def stop(self, service: str, index: int | None = None) -> None:
        """Send the stop signal, wait for `stop_grace_period`, then SIGKILL; return at its end."""

    def start(self, service: str, index: int | None = None) -> None:
        """Start replicas that were stopped or killed."""

    def restart(self, service: str) -> None:
        """Stop and start all replicas of a service; its volumes stay."""

    def endpoint(self, service: str, port: int, index: int = 1) -> tuple[str, int]:
        """Return host and port at which a container's port answers on this machine."""

    def down(self, volumes: bool = False) -> None:
        """Remove every replica and network, and when asked the named volumes that the run made."""

    def close(self, keep: bool = False) -> None:
        """End the run: remove all that it started and made, or leave all of it running."""
