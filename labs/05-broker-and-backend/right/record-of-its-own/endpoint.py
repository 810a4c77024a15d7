"""What the shop does when a customer uploads a file and asks for it. Change this file."""

import os

import redis
from celery import uuid
from tasks import app, import_csv, send_email

WORDS = {"STARTED": "running", "SUCCESS": "done", "FAILURE": "failed"}

imports = redis.Redis.from_url(os.environ["RESULT_URL"])


def record(import_id):
    """Name the key that says that the shop gave out an id."""
    return f"shop:import:{import_id}"


def start_import(name, rows):
    """Have a file imported; return an id that the customer can ask for."""
    import_id = uuid()
    # Written first, so it is gone before the result is
    imports.set(record(import_id), name, ex=app.conf.result_expires)
    import_csv.apply_async(kwargs={"name": name, "rows": rows}, task_id=import_id)
    return import_id


def import_state(import_id):
    """Return queued, running, done or failed; unknown for an id that the shop never gave out."""
    state = app.AsyncResult(import_id).state
    if state in WORDS:
        return WORDS[state]
    return "queued" if imports.exists(record(import_id)) else "unknown"


def confirm(address):
    """Send an e-mail, and forget it."""
    send_email.delay(address)
