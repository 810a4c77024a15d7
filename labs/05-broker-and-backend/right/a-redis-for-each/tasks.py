"""The work behind an upload and behind an order. Change this file."""

import os
import time

from celery import Celery
from celery.signals import before_task_publish

app = Celery(
    "shop",
    broker=os.environ["BROKER_URL"],
    backend=os.environ["RESULT_URL"],
    result_expires=int(os.environ["RESULT_EXPIRES_S"]),
)

ROW_S = 0.05


@app.task(track_started=True)
def import_csv(name, rows):
    """Import a file of that many rows, ROW_S seconds for each; an empty file is an error."""
    if not rows:
        raise ValueError(f"{name} is empty")
    for _ in range(rows):
        time.sleep(ROW_S)
    return rows


@before_task_publish.connect(sender=import_csv.name)
def note(headers, **_):
    """Store that an import waits, before its message is there."""
    app.backend.store_result(headers["id"], None, "SENT")


@app.task(ignore_result=True)
def send_email(address):
    """Send one e-mail."""
    time.sleep(ROW_S)
    return f"sent to {address}"
