"""What the shop's worker can do."""

import os

from celery import Celery

app = Celery("tasks", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])


@app.task
def count_orders(text: str) -> int:
    """Count the orders in a CSV file."""
    lines = [line for line in text.splitlines() if line.strip()]
    lines.remove(lines[0])
    return len(lines)
