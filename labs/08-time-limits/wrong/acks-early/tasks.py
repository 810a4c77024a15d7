"""The import of a customer's file. Change this file."""

import os

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from outside import book, price

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])

SOFT_S = float(os.environ["SOFT_S"])
HARD_S = float(os.environ["HARD_S"])
RETRIES = int(os.environ["RETRIES"])


@app.task(
    soft_time_limit=SOFT_S,
    time_limit=HARD_S,
    autoretry_for=(SoftTimeLimitExceeded,),
    retry_backoff=True,
    max_retries=RETRIES,
)
def import_csv(name, rows):
    """Enter each row of a file into the books, at the supplier's price."""
    for row in range(rows):
        # The key is the same in every run, so a row that is read again makes no second entry
        book(name, row, price(name, row), key=f"{name}:{row}")
    return rows
