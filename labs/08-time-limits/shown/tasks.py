"""One import, written in many ways: what the chapter and the demo show."""

import os
import signal
import time

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from outside import book, price, store

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
# How often a worker looks for messages that nobody acknowledges: each second, not each 100
app.conf.broker_transport_options = {"unacked_restore_interval": 1, "unacked_restore_throttle": 1}
app.conf.worker_soft_shutdown_timeout = float(os.environ.get("SOFT_SHUTDOWN_S", "0"))

FILL_S = 0.2


def read(name, rows, begin=0, keyed=False):
    """Book the rows of a file from `begin` on; note which process does it, and when it ends."""
    store.set(f"pid:{name}", os.getpid())
    for row in range(begin, rows):
        key = f"{name}:{row}" if keyed else None
        book(name, row, price(name, row), key)
    store.incr(f"ended:{name}")
    return rows


@app.task
def import_csv(name, rows):
    """Import as Celery does by default."""
    return read(name, rows)


@app.task
def import_tidy(name, rows):
    """Import, and note the end, whatever happens."""
    try:
        return read(name, rows)
    finally:
        store.set(f"closed:{name}", 1)


@app.task
def import_told(name, rows):
    """Import until the soft limit, and say how far it got."""
    try:
        return read(name, rows)
    except SoftTimeLimitExceeded:
        return f"stopped after {store.hlen(f'books:{name}')} rows"


@app.task
def import_deaf(name, rows):
    """Import, and let no row stop the rest."""
    missed = 0
    for row in range(rows):
        try:
            book(name, row, price(name, row))
        except Exception:
            missed += 1
    return f"{rows - missed} rows"


@app.task(bind=True, max_retries=5)
def import_on(self, name, rows, begin=0):
    """Import; if the soft limit stops this try, go on from there in another."""
    try:
        return read(name, rows, begin)
    except SoftTimeLimitExceeded:
        done = store.hlen(f"books:{name}")
        raise self.retry(args=(name, rows, done), countdown=0) from None


@app.task(acks_late=True)
def import_late(name, rows):
    """Import, and acknowledge at the end."""
    return read(name, rows)


@app.task(acks_late=True)
def import_once(name, rows):
    """Import, acknowledge at the end, and book under a key for each row."""
    return read(name, rows, keyed=True)


@app.task(acks_late=True, reject_on_worker_lost=True, max_retries=0)
def import_poison(name):
    """Kill the process that runs it, as a file would that needs more memory than there is."""
    store.incr(f"runs:{name}")
    time.sleep(FILL_S)
    if store.exists(f"poison:{name}"):
        os.kill(os.getpid(), signal.SIGKILL)
    return store.get(f"runs:{name}")


@app.task(autoretry_for=(ConnectionError,), retry_backoff=True, retry_backoff_max=1, max_retries=2)
def ask_supplier(name):
    """Ask a supplier whose server is down."""
    store.incr(f"runs:{name}")
    raise ConnectionError(f"{name} does not answer")


@app.task
def remind(name):
    """Remind a customer."""
    return store.incr(f"runs:{name}")
