"""What runs a Compose project: a Docker engine, or processes of this machine."""

from __future__ import annotations

from dataclasses import dataclass

from taskyard.deadline import DeadlineError
from taskyard.engine.command import run
from taskyard.engine.protocol import Completed, Engine, Replica, Run, ServiceError
from taskyard.errors import TaskyardError

__all__ = ["Choice", "Completed", "Engine", "Replica", "Run", "ServiceError", "choose"]

ASK_S = 10.0


@dataclass(frozen=True)
class Choice:
    """An engine, by name, and why it was chosen."""

    name: str
    reason: str

    def engine(self) -> type[Engine]:
        """Import the engine and return it; the other one's module is never loaded."""
        if self.name == "docker":
            from taskyard.engine.docker import DockerEngine

            return DockerEngine
        from taskyard.engine.local import LocalEngine

        return LocalEngine

    def __str__(self) -> str:
        return f"using the {self.name} engine: {self.reason}"


def choose(forced: str | None = None) -> Choice:
    """
    Choose an engine: `forced` if given, otherwise Docker if it answers, otherwise local.

    Raises:
        TaskyardError: Docker was forced and does not answer; a forced engine never falls back.
    """
    if forced == "local":
        return Choice("local", "you asked for it")
    missing = docker_missing()
    if forced == "docker":
        if missing:
            raise TaskyardError(f"you asked for Docker, but {missing}", hint="make doctor")
        return Choice("docker", "you asked for it")
    if missing:
        return Choice("local", missing)
    return Choice("docker", "a Docker engine answers")


def docker_missing() -> str:
    """Return a clause that says why Docker cannot be used, or an empty string if it can."""
    for command, failed in (
        (["docker", "version", "--format", "{{.Server.Version}}"], "no Docker engine answers"),
        (["docker", "compose", "version", "--short"], "`docker compose` (version 2) is not there"),
    ):
        try:
            done = run(command, ASK_S)
        except FileNotFoundError:
            return "there is no `docker` command"
        except (ServiceError, DeadlineError):
            return f"`{' '.join(command[:2])}` gave no answer in {ASK_S:g} s"
        if "permission denied" in done.stderr.lower():
            return "a Docker engine runs, but this user may not use it"
        if done.returncode:
            return failed
    return ""
