"""Wait for something, and not for ever; a deadline that a busy machine misses decides nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

STEP_S = 0.02

SPIN_S = 0.05

MOST = 8.0
"""How many times slower than an idle one a machine may be for a deadline to mean anything."""

_Found = TypeVar("_Found")


class DeadlineError(TimeoutError):
    """
    The deadline passed.

    Attributes:
        waited: How long for what: "waited 30 s for a result".
        saw: What was there instead; empty where nobody looked.
    """

    def __init__(self, waited: str, saw: str = "") -> None:
        self.waited, self.saw = waited, saw
        super().__init__(waited + (f"; saw {saw}" if saw else ""))


class BusyError(DeadlineError):
    """The deadline passed on a machine that is too busy to tell what that means."""

    def __str__(self) -> str:
        return f"this machine is too busy to decide: {super().__str__()}"


def slowness() -> float:
    """
    Measure how many times longer something takes now than on this machine when it is idle.

    The worse of two numbers. A short computation is timed against the CPU time that it was given:
    that sees this moment, and the share of a container. The load of the last minute is divided by
    the number of cores: that sees what has ended a moment ago.

    Returns:
        At least 1.
    """
    begin, used = time.perf_counter(), time.thread_time()
    while (spun := time.thread_time() - used) < SPIN_S:
        pass
    now = (time.perf_counter() - begin) / spun
    return max(1.0, now, os.getloadavg()[0] / (os.cpu_count() or 1))


def until(
    condition: Callable[[], _Found],
    what: str,
    timeout_s: float = 30.0,
    saw: Callable[[], object] | None = None,
    control: Callable[[], float] | None = None,
    missed: Callable[[], Exception] | None = None,
) -> _Found:
    """
    Ask until the answer is true, and return it.

    Between two questions it pauses for as long as the last one took: asking costs at most half of
    a core, whatever it asks. On a machine that is slow at the deadline, the deadline moves by as
    much, up to MOST times.

    Args:
        what: What is waited for: ends the sentence "waited 30 s for …".
        timeout_s: Deadline in seconds, from the call, on an idle machine; the condition is asked
            once after it, too.
        saw: Asked at the deadline: what is there instead.
        control: How many times slower than idle the machine is; `slowness` where it is None.
        missed: Asked at the deadline for the error to raise in place of a DeadlineError.

    Raises:
        DeadlineError: The deadline passed; says what was waited for, and what was seen.
        BusyError: It passed, and the machine is more than MOST times slower than idle.
    """
    begin = time.monotonic()
    wait_s = timeout_s
    while True:
        asked = time.monotonic()
        if found := condition():
            return found
        if asked > begin + wait_s:
            slow = (
                (control or slowness)() if timeout_s > 0 else 1.0
            )  # who asks once, waits for none
            wait_s = max(wait_s, timeout_s * min(slow, MOST))
            if asked > begin + wait_s:
                if missed and slow <= MOST:
                    raise missed()
                kind = BusyError if slow > MOST else DeadlineError
                raise kind(f"waited {wait_s:.3g} s for {what}", str(saw()) if saw else "")
        time.sleep(max(STEP_S, time.monotonic() - asked))
