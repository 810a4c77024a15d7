"""What the shop does when a customer uploads a file and asks for it. Change this file."""

from celery import states
from tasks import import_csv, send_email


def start_import(name, rows):
    """Have a file imported; return an id that the customer can ask for."""
    return import_csv.s(name, rows=rows).apply_async().id


def import_state(import_id):
    """Return queued, running, done or failed; unknown for an id that the shop never gave out."""
    match import_csv.AsyncResult(import_id).state:
        case "SENT":
            return "queued"
        case states.STARTED:
            return "running"
        case states.SUCCESS:
            return "done"
        case states.FAILURE:
            return "failed"
        case _:
            return "unknown"


def confirm(address):
    """Send an e-mail, and forget it."""
    send_email.apply_async(args=[address])
