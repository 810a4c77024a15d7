"""The import of a customer's file. Change this file."""

import os

from celery import Celery
from celery.exceptions import Ignore, SoftTimeLimitExceeded
from outside import book, price, store

SOFT_S = float(os.environ["SOFT_S"])
HARD_S = float(os.environ["HARD_S"])
RETRIES = int(os.environ["RETRIES"])

app = Celery("shop")
app.conf.update(
    broker_url=os.environ["BROKER_URL"],
    result_backend=os.environ["RESULT_URL"],
    task_soft_time_limit=SOFT_S,
    task_time_limit=HARD_S,
    task_acks_late=True,
)


@app.task(
    bind=True, autoretry_for=[SoftTimeLimitExceeded], max_retries=RETRIES, default_retry_delay=1
)
def import_csv(self, name, rows):
    """Enter each row that the books do not have yet, at the supplier's price."""
    # It expires by itself if the worker of a run is killed; no run lasts that long
    claim = app.backend.client.lock(f"claim:{name}", timeout=2 * HARD_S)
    if not claim.acquire(blocking=False):
        # Another run has it: look again later, which does not count as a try
        self.signature_from_request(retries=self.request.retries, countdown=1).apply_async()
        raise Ignore
    try:
        booked = {int(entry.split()[0]) for entry in store.hvals(f"books:{name}")}
        for row in sorted({*range(rows)} - booked):
            book(name, row, price(name, row))
    finally:
        claim.release()
    return rows
