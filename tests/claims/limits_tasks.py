"""What the claims about limits run: tasks that are killed, and tasks that outlast a limit."""

import os
import signal
import time
from pathlib import Path

from celery import Celery

from taskyard.deadline import until

app = Celery(
    "claims",
    broker=os.environ["BROKER_URL"],
    backend=os.environ["RESULT_URL"],
    set_as_current=False,
)

LIMIT_S = 2.0
DEADLINE_S = 60.0


@app.task(bind=True, retry_on_worker_lost=True, max_retries=1, default_retry_delay=0)
def fall(self, name):
    """Kill the process that runs it, when the worker has taken note that it runs."""
    app.backend.client.incr(name)
    worker = self.request.hostname
    asked = app.control.inspect(destination=[worker], timeout=DEADLINE_S, limit=1)

    def is_noted():
        return self.request.id in [one["id"] for one in asked.active()[worker]]

    until(is_noted, "the worker to note that this runs", DEADLINE_S)
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
def compute(seconds, path):
    """Compute without waiting, and then write a file."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    Path(path).touch()
