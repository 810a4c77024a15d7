"""What the shop does when a customer uploads a file and asks for it. Change this file."""

from tasks import app, import_csv, send_email

WORDS = {"PENDING": "queued", "STARTED": "running", "SUCCESS": "done", "FAILURE": "failed"}


def start_import(name, rows):
    """Have a file imported; return an id that the customer can ask for."""
    return import_csv.delay(name, rows).id


def import_state(import_id):
    """Return queued, running, done or failed; unknown for an id that the shop never gave out."""
    return WORDS[app.AsyncResult(import_id).state]


def confirm(address):
    """Send an e-mail, and forget it."""
    send_email.delay(address)
