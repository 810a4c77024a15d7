"""What the shop does while a customer waits for the answer. Change this file."""

from celery import chain
from tasks import app, send_email


def place_order(addresses):
    """Have one e-mail sent to each address; return an id for each of them."""
    email = chain([send_email.si(address) for address in addresses]).apply_async()
    ids = []
    while email:
        ids.append(email.id)
        email = email.parent
    return ids[::-1]


def email_state(email_id):
    """Return the state of the e-mail with this id, in Celery's words."""
    return app.AsyncResult(email_id).state
