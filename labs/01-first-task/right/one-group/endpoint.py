"""What the shop does while a customer waits for the answer. Change this file."""

from celery import group
from tasks import send_email


def place_order(addresses):
    """Have one e-mail sent to each address; return an id for each of them."""
    order = group(send_email.s(address) for address in addresses)
    return [email.id for email in order.apply_async()]


def email_state(email_id):
    """Return the state of the e-mail with this id, in Celery's words."""
    return send_email.AsyncResult(email_id).status
