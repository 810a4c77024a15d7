"""The shop's background work. You need not change this file."""

import os
import threading
import time

import redis
from celery import Celery

app = Celery("shop")
app.config_from_object("celeryconfig")

# Redis stands in for the suppliers: a list of those that were asked, and their answers
suppliers = redis.Redis.from_url(
    os.environ["SUPPLIERS_URL"], socket_timeout=None, decode_responses=True
)

ROW_S = 0.05
ANSWER_S = 3000
PIXELS = 2_000_000


@app.task
def import_csv(name, rows):
    """Import a file of that many rows; the database takes ROW_S seconds for each."""
    time.sleep(rows * ROW_S)
    return rows


@app.task
def fetch_prices(supplier):
    """Ask a supplier for its prices, and wait for the answer."""
    suppliers.rpush("asked", supplier)
    answer = suppliers.blpop(f"answer:{supplier}", timeout=ANSWER_S)
    if answer is None:
        raise TimeoutError(f"{supplier} has not answered within {ANSWER_S} s")
    return answer[1]


@app.task
def shrink_photo(name):
    """Compute a small photo from a large one; return who did it, and how many seconds it took."""
    began, worked = time.perf_counter(), time.thread_time()
    pixel = 1
    for _ in range(PIXELS):
        pixel = pixel * 48271 % 2147483647
    return {
        "process": os.getpid(),
        "thread": threading.get_native_id(),
        "took_s": time.perf_counter() - began,
        "cpu_s": time.thread_time() - worked,
    }
