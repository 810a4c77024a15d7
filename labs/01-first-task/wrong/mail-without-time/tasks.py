"""The work behind an order. You need not change this file."""

import os
import time

from celery import Celery

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])

EMAIL_S = 0


@app.task
def send_email(address):
    """Send one e-mail; the mail server takes EMAIL_S seconds for it."""
    time.sleep(EMAIL_S)
    return f"sent to {address}"
