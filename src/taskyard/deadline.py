"""Wait with a deadline, which decides nothing if the machine was too busy to keep it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

STEP_S = 0.02
"""The shortest pause between two calls of a condition."""

SPIN_S = 0.05
"""The CPU time of the computation that `slowness` times."""

MOST = 8.0
"""The slowness, as a multiple of an idle machine's time, beyond which a deadline means nothing."""

_Found = TypeVar("_Found")


class DeadlineError(TimeoutError):
    """
    The deadline passed.

    Attributes:
        waited: How long it was waited, and for what: "waited 30 s for a result".
        saw: What was there instead; empty if that is not known.
    """

    def __init__(self, waited: str, saw: str = "") -> None:
        self.waited, self.saw = waited, saw
        super().__init__(waited + (f"; saw {saw}" if saw else ""))


class BusyError(DeadlineError):
    """The deadline passed, but the machine is too busy for that to mean anything."""

    def __str__(self) -> str:
        return f"this machine is too busy to decide: {super().__str__()}"


def slowness() -> float:
    """
    Measure how many times longer something takes now than when this machine is idle.

    This is the larger of two numbers. The time of a short computation, divided by the CPU time that
    it got, shows the present moment, and a container's share of the CPU. The load of the last
    minute, divided by the number of cores, also shows what ended a moment ago.

    Returns:
        A multiple of the idle machine's time, at least 1.
    """
    begin, used = time.perf_counter(), time.thread_time()
    while (spun := time.thread_time() - used) < SPIN_S:
        pass
    now = (time.perf_counter() - begin) / spun
    return max(1.0, now, os.getloadavg()[0] / (os.cpu_count() or 1))


def patient(seconds: float) -> float:
    """Return a time limit for this machine as it is now, from one for an idle machine."""
    return seconds * min(slowness(), MOST)


def until(
    condition: Callable[[], _Found],
    what: str,
    timeout_s: float = 30.0,
    saw: Callable[[], object] | None = None,
    control: Callable[[], float] | None = None,
    missed: Callable[[], Exception] | None = None,
    since: float | None = None,
) -> _Found:
    """
    Call a condition until its result is true, and return the result.

    The pause between two calls is as long as the last call, so that the condition uses at most half
    of a core. If the machine is slow at the deadline, the deadline moves by the same factor, up to
    MOST.

    Args:
        what: The end of the sentence "waited 30 s for …".
        timeout_s: The deadline on an idle machine, in seconds. The condition is called once more
            after it.
        saw: Called at the deadline; returns what is there instead.
        control: Returns how many times slower than idle the machine is; None means `slowness`.
        missed: Called at the deadline; returns the error to raise instead of a DeadlineError.
        since: The `time.monotonic()` from which `timeout_s` counts, so that several waits share
            one deadline; None means the moment of the call.

    Raises:
        DeadlineError: The deadline passed; says what it was for, and what was seen.
        BusyError: The deadline passed, and the machine is more than MOST times slower than idle.
    """

    def look(wait_s: float) -> _Found | None:
        end = time.monotonic() + wait_s
        while True:
            asked = time.monotonic()
            if found := condition():
                return found
            if asked > end:
                return None
            time.sleep(max(STEP_S, time.monotonic() - asked))

    return in_time(look, what, timeout_s, saw, control, missed, since)


def in_time(
    attempt: Callable[[float], _Found | None],
    what: str,
    timeout_s: float = 30.0,
    saw: Callable[[], object] | None = None,
    control: Callable[[], float] | None = None,
    missed: Callable[[], Exception] | None = None,
    since: float | None = None,
) -> _Found:
    """
    Call what waits by itself until its result is true, and return the result.

    The deadline moves as that of `until` does, and the arguments and errors are the same.

    Args:
        attempt: Takes the seconds that are left, at least 0; returns something false after them.
    """
    begin = time.monotonic() if since is None else since
    wait_s = timeout_s
    while True:
        if found := attempt(max(0.0, begin + wait_s - time.monotonic())):
            return found
        passed_s = time.monotonic() - begin
        # With no time to wait, the deadline cannot move
        slow = (control or slowness)() if timeout_s > 0 else 1.0
        wait_s = max(wait_s, timeout_s * min(slow, MOST))
        if passed_s >= wait_s:
            if missed and slow <= MOST:
                raise missed()
            kind = BusyError if slow > MOST else DeadlineError
            raise kind(f"waited {wait_s:.3g} s for {what}", str(saw()) if saw else "")
