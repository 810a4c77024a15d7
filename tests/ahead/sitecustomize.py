"""
What `faketime` needs in each Python that it starts: a sleep that works.

Since Python 3.11 `time.sleep` ends at a moment of the monotonic clock, and libfaketime 0.9.10 moves
that moment by the year that it adds to the other clock: the kernel refuses it (EINVAL). A wait in
`select` has a length and no end, and stays as it is.
"""

import select
import time


def sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = sleep
