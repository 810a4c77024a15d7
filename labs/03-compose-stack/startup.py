"""`docker compose up` of a stack, and what can be seen meanwhile."""

import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from taskyard import deadline
from taskyard.compose import Project, Service
from taskyard.errors import TaskyardError
from taskyard.kit.stack import Replica, ServiceError, Stack

CONNECTED, REFUSED = "connected to the database", "no database"
"""What the shop writes once it has asked its database; only `shop.py` itself knows when it asks."""
ELSEWHERE = re.compile(r"FATAL(?!.*starting up)|resolve|translate")
"""A server has answered, or there is no such host: waiting does not help."""
TEST_S = 3.0
"""How long a health test may take when the check asks it by itself."""


def until(holds: Callable[[], object], timeout_s: float, is_exact: bool = False) -> bool:
    """
    Poll until something holds; tell whether it did in time.

    Args:
        is_exact: Whether a busy machine has no more time than another one.
    """
    try:
        deadline.until(holds, "this", timeout_s, control=(lambda: 1.0) if is_exact else None)
    except deadline.BusyError:
        raise
    except deadline.DeadlineError:
        return False
    return True


def plain(error: TaskyardError) -> str:
    """Return what is wrong without its place, which is in a copy of the learner's file."""
    return "; ".join(fault.what for fault in error.faults)


def allowed_s(service: Service) -> float:
    """Return how long a service may be unhealthy before its health check gives it up."""
    check = service.healthcheck
    return check.start_period_s + check.interval_s * check.retries if check else float("inf")


def pause_s(service: Service) -> float:
    """Return the longest pause between two health tests of a service."""
    check = service.healthcheck
    return max(check.interval_s, check.start_interval_s) if check else 0.0


def is_awaited(project: Project, service: str) -> bool:
    """Tell whether another service waits for the health of this one."""
    return any(
        needed.service == service and needed.condition == "service_healthy"
        for other in project.services.values()
        for needed in other.depends_on
    )


CONDITIONS = {
    "service_started": "has started, which says nothing about who can connect",
    "service_healthy": "is healthy",
    "service_completed_successfully": "has ended",
}


def condition(project: Project) -> str:
    """Return what the API awaits of Postgres, be it by way of others; empty if nothing."""
    found, names = [], ["api"]
    for name in names:  # it grows meanwhile
        for needed in project.services[name].depends_on:
            if needed.service == "postgres":
                found.append(CONDITIONS[needed.condition])
            elif needed.service not in names:
                names.append(needed.service)
    return " and ".join(found)


def shown_test(service: Service) -> str:
    """Return a service's health test as a person types it."""
    return " ".join(service.healthcheck.test[1:]) if service.healthcheck else ""


class Start(threading.Thread):
    """
    `docker compose up` of a stack, while the check looks on.

    Attributes:
        error: Why it failed; empty if it has not.
        asked_after_s: How long the API's container ran before the shop first asked in vain.
        ready_s: When Postgres could first be reached, in seconds after its container began.
        is_lie: Whether the health test said yes while a gate was shut.
    """

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self._stack, self.error = stack, ""
        self.asked_after_s, self.ready_s, self.is_lie = 0.0, 0.0, False
        self._began_s: dict[str, float] = {}
        self._up_s, self._free_s = time.monotonic(), 0.0
        self.start()

    def run(self) -> None:
        try:
            self._stack.up(300.0)
        except TaskyardError as error:
            self.error = plain(error)
        except deadline.DeadlineError as error:
            self.error = str(error)

    def replicas(self, service: str) -> list[Replica]:
        """List a service's replicas; note when the first of them was seen running."""
        found = [one for one in self._stack.ps() if one.service == service]
        if any(one.state != "created" for one in found):
            self._began_s.setdefault(service, time.monotonic())
        return found

    def has_begun(self, service: str) -> bool:
        self.replicas(service)
        return service in self._began_s

    def refusals(self) -> list[str]:
        """Return what the shop has written whenever it asked in vain."""
        lines = [line for line in self._stack.logs("api").splitlines() if REFUSED in line]
        if lines and not self.asked_after_s:
            now = time.monotonic()
            self.asked_after_s = now - self._began_s.get("api", now)
        return lines

    def is_settled(self) -> bool:
        """Tell whether the shop has asked, or the start has failed."""
        self.has_begun("api")
        return bool(self.refusals() or self.error or CONNECTED in self._stack.logs("api"))

    def hold(self, seconds: float) -> None:
        """Look on while a gate is shut, until something has come too early or time is over."""
        self.is_lie = False
        until(lambda: self.is_settled() or self.has_lied(), seconds, is_exact=True)

    def has_lied(self) -> bool:
        """Ask the health test of Postgres, which nobody can reach, if anybody waits for it."""
        check = self._stack.project.services["postgres"].healthcheck
        if not (check and check.test and is_awaited(self._stack.project, "postgres")):
            return False
        kind, *words = check.test
        test = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
        says = [one.health for one in self.replicas("postgres")]
        self.is_lie = "healthy" in says or self._succeeds(test, min(check.timeout_s, TEST_S))
        return self.is_lie

    def _succeeds(self, command: list[str], timeout_s: float = 30.0) -> bool:
        """Tell whether a command in the container of Postgres ends with 0."""
        with suppress(ServiceError, IndexError):
            return self._stack.exec("postgres", command, timeout_s=timeout_s).exit_code == 0
        return False

    def is_reachable(self) -> bool:
        """Tell whether Postgres answers over the network."""
        if not self.ready_s and self._succeeds(["pg_isready", "--host=127.0.0.1"]):
            self.ready_s = time.monotonic() - self._began_s.get("postgres", self._up_s)
        return bool(self.ready_s)

    def waiting(self) -> list[Replica]:
        """List the replicas beside the API that are not what others may wait for yet."""
        return [
            one
            for one in self._stack.ps()
            if one.service != "api"
            and (one.state == "created" or (one.state != "exited" and one.health == "starting"))
        ]

    def is_late(self, slow_s: float) -> bool:
        """
        Tell whether the API waits on, though all that it can wait for is there.

        Whoever waits for a while, and not for Postgres, has waited at least for as long as Postgres
        took when it was slow: otherwise the shop would have asked in vain then.

        Args:
            slow_s: How long Postgres took when it was slow; 0 means in this start.
        """
        if not self.is_reachable():
            return False
        now, slow_s = time.monotonic(), slow_s or self.ready_s
        if not self.waiting():
            self._free_s = self._free_s or now
            return now - self._free_s > slow_s / 2
        self._free_s = 0.0
        pauses_s = sum(map(pause_s, self._stack.project.services.values()))
        since_s = self._began_s.get("postgres", self._up_s) + self.ready_s
        return now - since_s > slow_s + pauses_s

    def is_over(self, service: str) -> bool:
        """Tell whether the replicas of a service have ended, and none is started again."""
        return all(one.state == "exited" for one in self.replicas(service))

    def is_misled(self) -> bool:
        """Tell whether the shop asked in the wrong place, and not too early."""
        return bool(self.ready_s and ELSEWHERE.search(self.refusals()[-1]))

    def delay(self) -> tuple[str, str]:
        """Say what the API still waits for, and where to look in the file."""
        services, replicas = self._stack.project.services, self._stack.ps()
        for one in self.waiting():
            if check := services[one.service].healthcheck:
                said = f": {one.health_log}" if one.health_log else ""
                saw = f"`{shown_test(services[one.service])}`, the health check of `{one.service}`,"
                look_at = f"compose.yaml, {one.service}, healthcheck: what does it wait for?"
                return f"{saw} has not said so in {check.retries} tests or more{said}", look_at
        for one in replicas:
            if one.service not in ("api", "postgres", "redis") and one.state == "running":
                saw = f"`{one.service}` runs on, for which the API waits: a pause is a guess"
                return saw, f"compose.yaml, {one.service}, command: whom does it ask?"
        return (
            "the API has not asked, though all that it can wait for is there: "
            "a sleep is a guess, however long",
            "compose.yaml, api, command: whom does it ask?",
        )
