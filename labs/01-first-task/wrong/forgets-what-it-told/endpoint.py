"""What the shop does while a customer waits for the answer. Change this file."""

from tasks import app, send_email


def place_order(addresses):
    """Have one e-mail sent to each address; return an id for each of them."""
    return [send_email.delay(address).id for address in addresses]


def email_state(email_id):
    """Return the state of the e-mail with this id, in Celery's words."""
    email = app.AsyncResult(email_id)
    state = email.state
    if email.ready():
        email.forget()  # the customer knows now; keep Redis small
    return state
