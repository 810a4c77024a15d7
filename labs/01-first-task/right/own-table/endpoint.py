"""What the shop does while a customer waits for the answer. Change this file."""

import os
import secrets

from redis import Redis
from tasks import app, send_email

# The shop's id to Celery's: in Redis, where each process of the shop finds it, also after a restart
redis = Redis.from_url(os.environ["RESULT_URL"], decode_responses=True)
EMAILS = "shop-emails"


def place_order(addresses):
    """Have one e-mail sent to each address; return an id for each of them."""
    issued = {secrets.token_hex(8): send_email.delay(address).id for address in addresses}
    if issued:
        redis.hset(EMAILS, mapping=issued)
    return list(issued)


def email_state(email_id):
    """Return the state of the e-mail with this id, in Celery's words."""
    celery_id = redis.hget(EMAILS, email_id)
    return app.AsyncResult(celery_id).state if celery_id else "PENDING"
