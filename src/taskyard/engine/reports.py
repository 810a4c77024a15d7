"""The errors of both engines for a service that does not exist, dies, or stays unhealthy."""

from __future__ import annotations

import difflib
import textwrap
import time
from collections.abc import Collection, Sequence

from taskyard.compose.model import Project, Service
from taskyard.deadline import until
from taskyard.engine.protocol import Engine, Replica, ServiceError

LAST_LINES = 12
SETTLE_S = 0.5


def known(project: Project, service: str) -> Service:
    """
    Return a service of the project by its name.

    Raises:
        ServiceError: No service has this name; the hint gives the closest one.
    """
    if service in project.services:
        return project.services[service]
    near = difflib.get_close_matches(service, project.services, n=1)
    names = ", ".join(f"`{name}`" for name in project.services)
    raise ServiceError(
        f"there is no service `{service}` in this project",
        path=project.path,
        hint=f"did you mean `{near[0]}`?" if near else f"it has {names}",
    )


def wait_up(
    project: Project, engine: Engine, services: Collection[str], begin: float, timeout_s: float
) -> None:
    """
    Wait until all replicas of some services run, and those with a health check are healthy.

    A service that ended with 0 has done its work. A replica without a health check counts as up if
    it still runs SETTLE_S after this call, so that a command that fails at once is noticed.

    Args:
        begin: The `time.monotonic()` at which the start began; the deadline is `timeout_s` later.

    Raises:
        ServiceError: A replica ended badly or is unhealthy, or the deadline passed.
    """
    called = time.monotonic()
    waiting: list[Replica] = []

    def is_up() -> bool:
        replicas = [replica for replica in engine.ps() if replica.service in services]
        for replica in replicas:
            if is_lost(replica):
                raise failure(project, engine, replica)
        waiting[:] = [
            r for r in replicas if r.health == "starting" or r.state in ("created", "restarting")
        ]
        may_die = any(r.health is None and r.state == "running" for r in replicas)
        return not waiting and (not may_die or time.monotonic() - called > SETTLE_S)

    until(
        is_up,
        "the services",
        timeout_s,
        missed=lambda: failure(project, engine, waiting[0], timeout_s),
        since=max(begin, called + SETTLE_S - timeout_s),  # at least SETTLE_S is left
    )


def running(service: str, replicas: Sequence[Replica]) -> list[Replica]:
    """
    Return the replicas that can be ended: those that run, or wait to be restarted.

    Raises:
        ServiceError: There is none.
    """
    found = [replica for replica in replicas if replica.state in ("running", "restarting")]
    if not found:
        names = ", ".join(f"`{replica.name}`" for replica in replicas) or f"`{service}`"
        raise ServiceError(f"{names} is not running, so it cannot be ended", hint="start it first")
    return found


def is_lost(replica: Replica) -> bool:
    """Tell whether a replica is unhealthy, or has failed and will not be restarted."""
    return replica.health == "unhealthy" or (replica.state == "exited" and bool(replica.exit_code))


def failure(
    project: Project, engine: Engine, replica: Replica, waited_s: float = 0.0
) -> ServiceError:
    """
    Describe how a replica failed to come up, with the last lines of its log.

    Args:
        waited_s: Seconds that the caller waited; used if the replica is still starting.
    """
    log = engine.logs(replica.service, replica.index)
    if replica.state == "exited":
        what = f"service `{replica.service}` ended with exit code {replica.exit_code}"
    elif replica.health == "unhealthy":
        what = f"service `{replica.service}` is unhealthy"
    else:
        state = replica.health or replica.state
        what = f"service `{replica.service}` is still `{state}` after {waited_s:g} s"
    parts = [what]
    if replica.health_log and replica.state != "exited":
        parts.append(f"its health check says:\n{_quote(replica.health_log)}")
    if log.strip():
        parts.append(f"`{replica.name}` wrote last:\n{_quote(log)}")
    error = ServiceError(
        "; ".join(parts),
        path=project.path,
        line=project.services[replica.service].line,
    )
    error.log = log
    return error


def _quote(text: str) -> str:
    return textwrap.indent("\n".join(text.strip().splitlines()[-LAST_LINES:]), "  | ")
