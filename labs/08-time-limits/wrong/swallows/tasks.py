"""The import of a customer's file. Change this file."""

import os

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from celery.utils.log import get_task_logger
from outside import book, price

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
log = get_task_logger(__name__)

SOFT_S = float(os.environ["SOFT_S"])
HARD_S = float(os.environ["HARD_S"])
RETRIES = int(os.environ["RETRIES"])


@app.task(
    soft_time_limit=SOFT_S,
    time_limit=HARD_S,
    autoretry_for=(SoftTimeLimitExceeded,),
    retry_backoff=True,
    max_retries=RETRIES,
    acks_late=True,
)
def import_csv(name, rows):
    """Enter each row of a file into the books, at the supplier's price."""
    for row in range(rows):
        try:
            book(name, row, price(name, row), key=f"{name}:{row}")
        except Exception as error:  # one bad row must not stop the file
            log.warning("%s, row %s: %r", name, row, error)
    return rows
