"""The interface of the two engines, and the objects that they return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from taskyard.errors import TaskyardError

if TYPE_CHECKING:  # every stack starts a supervisor, which reads no Compose file
    from taskyard.compose.model import Project

IMAGE = "taskyard-runtime"
"""The image of every worker and API in the labs: the stage `runtime` of the root Dockerfile."""

State = Literal["created", "running", "restarting", "exited"]
"""`created` occurs on Docker alone, for a container that waits for its dependencies."""
Health = Literal["starting", "healthy", "unhealthy"]


@dataclass(frozen=True)
class Replica:
    """
    One container, or the processes that stand for it.

    Attributes:
        index: The number in `worker-1`, from 1.
        health: None if the service has no health check.
        exit_code: Of the last run; 128 + N if signal N ended it. None while the first run lasts.
        hostname: What `socket.gethostname()` returns inside: the second half of a Celery node name.
        restarts: How often the restart policy has started it again.
        health_log: What the last health check printed, if it failed.
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
    """The outcome of a command that ran inside a replica."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Run:
    """
    One run of a project: everything that an engine needs to know.

    Attributes:
        name: The Compose project's name, unique on this machine.
        state: The folder of this run alone; the engine's supervisor makes and removes it.
        publish: Ports to publish whatever the file says: service to container port.
        remove: Further paths to remove at the end of the run.
    """

    project: Project
    name: str
    state: Path
    publish: Mapping[str, int] = field(default_factory=dict)
    remove: Sequence[Path] = ()


class ServiceError(TaskyardError):
    """
    A service died, never became healthy, or does not exist; the message holds its last lines.

    Attributes:
        log: All that the service has written; empty if it has written nothing.
    """

    log = ""


class Engine(Protocol):
    """A running Compose project. Services have their names in the file; replicas count from 1."""

    name: str

    def __init__(self, run: Run) -> None: ...

    @staticmethod
    def unsupported(project: Project) -> list[str]:
        """Return one sentence for each thing that the project asks for and this engine lacks."""

    def up(self, timeout_s: float = 120.0) -> None:
        """
        Start every service in the order of `depends_on`; return when all run and are healthy.

        Raises:
            ServiceError: A service failed, or the deadline passed.
        """

    def ps(self) -> list[Replica]:
        """List the replicas, in the file's order of services."""

    def scale(self, service: str, replicas: int, timeout_s: float = 60.0) -> None:
        """Start or remove replicas until there are `replicas`; the highest numbers go first."""

    def logs(self, service: str, index: int | None = None) -> str:
        """Return what a service's replicas, or one of them, wrote to stdout and stderr."""

    def exec(
        self, service: str, command: Sequence[str], index: int = 1, timeout_s: float = 60.0
    ) -> Completed:
        """Run a command in a replica's environment and working directory, as `docker exec` does."""

    def kill(self, service: str, index: int | None = None, signal: str = "SIGKILL") -> None:
        """Send a signal as `docker kill` does: the restart policy does not apply."""

    def crash(self, service: str, index: int | None = None) -> None:
        """End a replica's first process as a fault would: the restart policy applies."""

    def stop(self, service: str, index: int | None = None) -> None:
        """Send the stop signal, wait for `stop_grace_period`, send SIGKILL; return at the end."""

    def start(self, service: str, index: int | None = None) -> None:
        """Start replicas that were stopped or killed."""

    def restart(self, service: str) -> None:
        """Stop and start all replicas of a service; its volumes stay."""

    def endpoint(self, service: str, port: int, index: int = 1) -> tuple[str, int]:
        """
        Return the host and port of this machine that lead to a replica's port.

        Raises:
            ServiceError: The port is not published, or nothing listens on it.
        """

    def down(self, volumes: bool = False) -> None:
        """Remove all replicas and networks, and with `volumes` the named volumes the run made."""

    def close(self, keep: bool = False) -> None:
        """End the run and remove all that it started and made; with `keep`, leave it running."""
