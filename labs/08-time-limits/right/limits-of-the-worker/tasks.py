"""The import of a customer's file. Change this file."""

import os
from uuid import NAMESPACE_URL, uuid5

from celery import Celery, Task
from celery.exceptions import SoftTimeLimitExceeded
from outside import book, price, store

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])

RETRIES = int(os.environ["RETRIES"])
PAGE = 50


class Import(Task):
    """A task that is delivered again when its worker is lost, and that retries by hand."""

    acks_late = True
    reject_on_worker_lost = True
    max_retries = RETRIES

    def again(self, error):
        """Tell Celery to try once more, two seconds from now."""
        return self.retry(exc=error, countdown=2, throw=False)


@app.task(bind=True, base=Import)  # compose.yaml: start.sh gives every task both limits
def import_csv(self, name, rows):
    """Enter the pages of a file into the books, from the first one that is incomplete."""
    try:
        for first in range(int(store.hget("pages", name) or 0), rows, PAGE):
            for row in range(first, min(first + PAGE, rows)):
                book(name, row, price(name, row), key=uuid5(NAMESPACE_URL, f"{name}/{row}").hex)
            store.hset("pages", name, first + PAGE)
    except SoftTimeLimitExceeded as error:
        raise self.again(error) from error
    return rows
