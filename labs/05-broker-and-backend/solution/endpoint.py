"""What the shop does when a customer uploads a file and asks for it. Change this file."""

from uuid import uuid4

from tasks import app, import_csv, send_email

WORDS = {
    "PENDING": "unknown",
    "QUEUED": "queued",
    "STARTED": "running",
    "SUCCESS": "done",
    "FAILURE": "failed",
}


def start_import(name, rows):
    """Have a file imported; return an id that the customer can ask for."""
    import_id = str(uuid4())
    # Before the message is there: no worker can be faster, and have its own state overwritten
    app.backend.store_result(import_id, None, "QUEUED")
    import_csv.apply_async((name, rows), task_id=import_id)
    return import_id


def import_state(import_id):
    """Return queued, running, done or failed; unknown for an id that the shop never gave out."""
    return WORDS[app.AsyncResult(import_id).state]


def confirm(address):
    """Send an e-mail, and forget it."""
    send_email.delay(address)
