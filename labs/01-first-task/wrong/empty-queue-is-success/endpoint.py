"""What the shop does while a customer waits for the answer. Change this file."""

import os

from redis import Redis
from tasks import send_email

broker = Redis.from_url(os.environ["BROKER_URL"])


def place_order(addresses):
    """Have one e-mail sent to each address; return an id for each of them."""
    return [send_email.delay(address).id for address in addresses]


def email_state(email_id):
    """Return the state of the e-mail with this id, in Celery's words."""
    return "PENDING" if broker.llen("celery") else "SUCCESS"
