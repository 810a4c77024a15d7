"""The work behind an upload and behind an order. Change this file."""

import os
import time
from datetime import timedelta

from celery import Celery, Task

app = Celery("shop")
app.conf.update(
    broker_url=os.environ["BROKER_URL"],
    result_backend=os.environ["RESULT_URL"],
    result_expires=timedelta(seconds=float(os.environ["RESULT_EXPIRES_S"])),
    # Nobody asks for a result, but of the tasks that say otherwise
    task_ignore_result=True,
)

ROW_S = 0.05


class Reported(Task):
    """A task whose customer asks for it: it stores its result, and that it has started."""

    ignore_result = False
    track_started = True


@app.task(base=Reported)
def import_csv(name, rows):
    """Import a file of that many rows, ROW_S seconds for each; an empty file is an error."""
    if not rows:
        raise ValueError(f"{name} is empty")
    for _ in range(rows):
        time.sleep(ROW_S)
    return rows


@app.task
def send_email(address):
    """Send one e-mail."""
    time.sleep(ROW_S)
    return f"sent to {address}"
