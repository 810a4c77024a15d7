"""What the shop's worker can do."""

import csv
import os

from celery import Celery

app = Celery("tasks", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])


@app.task
def count_orders(text: str) -> int:
    """Count the orders in a CSV file."""
    return sum(1 for _ in csv.DictReader(text.splitlines()))
