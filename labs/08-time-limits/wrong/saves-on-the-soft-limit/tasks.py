"""The import of a customer's file. Change this file."""

import os

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from outside import book, price, store

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])

SOFT_S = float(os.environ["SOFT_S"])
HARD_S = float(os.environ["HARD_S"])
RETRIES = int(os.environ["RETRIES"])


@app.task(
    soft_time_limit=SOFT_S,
    time_limit=HARD_S,
    bind=True,
    max_retries=RETRIES,
    acks_late=True,
)
def import_csv(self, name, rows):
    """Enter each row of a file into the books, at the supplier's price."""
    row = int(store.get(f"next:{name}") or 0)
    try:
        while row < rows:
            book(name, row, price(name, row))
            row += 1
    except SoftTimeLimitExceeded as error:
        store.set(f"next:{name}", row)
        raise self.retry(exc=error, countdown=2**self.request.retries) from None
    return rows
