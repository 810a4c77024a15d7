"""The import of a customer's file. Change this file."""

import os

from celery import Celery
from outside import book, price

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])

SOFT_S = float(os.environ["SOFT_S"])
HARD_S = float(os.environ["HARD_S"])
RETRIES = int(os.environ["RETRIES"])


@app.task  # TODO: what ends it when the supplier hangs? And what becomes of it then?
def import_csv(name, rows):
    """Enter each row of a file into the books, at the supplier's price."""
    for row in range(rows):
        book(name, row, price(name, row))  # TODO: what if this row is read twice?
    return rows
