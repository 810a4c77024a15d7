"""Wait for something, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

STEP_S = 0.05

_Found = TypeVar("_Found")


def until(
    condition: Callable[[], _Found],
    what: str,
    timeout_s: float = 30.0,
    saw: Callable[[], object] | None = None,
) -> _Found:
    """
    Ask until the answer is true, and return it.

    Between two questions it pauses for as long as the last one took: asking costs at most half of
    a core, whatever it asks.

    Args:
        what: What is waited for: ends the sentence "waited 30 s for …".
        timeout_s: Deadline in seconds, from the call; the condition is asked once after it, too.
        saw: Asked at the deadline: what is there instead.

    Raises:
        TimeoutError: The deadline passed; says what was waited for, and what was seen.
    """
    end = time.monotonic() + timeout_s
    while True:
        asked = time.monotonic()
        if found := condition():
            return found
        if asked > end:
            instead = f"; saw {saw()}" if saw else ""
            raise TimeoutError(f"waited {timeout_s:g} s for {what}{instead}")
        time.sleep(max(STEP_S, time.monotonic() - asked))
