"""What the claims' worker runs: an app with Celery's defaults, a task for each thing to see."""

import os
import time

from celery import Celery

app = Celery(
    "claims",
    broker=os.environ["BROKER_URL"],
    backend=os.environ["RESULT_URL"],
    set_as_current=False,
)
seen = []

HOLD_S = 30.0


@app.task
def size():
    """Return a tuple."""
    return (3, 4)


@app.task
def note(text):
    """Keep a text in this process."""
    seen.append(text)
    return len(seen)


@app.task
def hold(key):
    """Run until Redis has a key."""
    end = time.monotonic() + HOLD_S
    while not app.backend.client.exists(key):
        if time.monotonic() > end:
            raise TimeoutError(f"nobody set `{key}` within {HOLD_S:g} s")
        time.sleep(0.02)
