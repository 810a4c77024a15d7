"""What the claims about limits run: tasks that are killed, and tasks that outlast a limit."""

import os
import signal
import time

from celery import Celery

app = Celery(
    "claims",
    broker=os.environ["BROKER_URL"],
    backend=os.environ["RESULT_URL"],
    set_as_current=False,
)

LIMIT_S = 2.0
FILL_S = 0.2


@app.task(retry_on_worker_lost=True, max_retries=1, default_retry_delay=0)
def fall(name):
    """Kill the process that runs it, when the worker has taken note that it runs."""
    app.backend.client.incr(name)
    time.sleep(FILL_S)
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(acks_late=True, time_limit=LIMIT_S)
def hang(name):
    """Run into its limit until Redis has the key NAME:open."""
    app.backend.client.incr(name)
    while not app.backend.client.exists(f"{name}:open"):
        time.sleep(0.02)


@app.task(acks_late=True, time_limit=LIMIT_S, acks_on_timeout=False)
def hang_again(name):
    """Do the same, and let the message be delivered again."""
    hang.run(name)


@app.task
def wait(seconds):
    """Wait without computing."""
    time.sleep(seconds)


@app.task
def compute(seconds):
    """Compute without waiting."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
