"""The work behind an upload and behind an order. Change this file."""

import os
import time

from celery import Celery

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ.get("RESULT_URL"))
app.conf.task_track_started = True
app.conf.task_ignore_result = True
app.conf.result_expires = float(os.environ["RESULT_EXPIRES_S"])

ROW_S = 0.05


@app.task
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
