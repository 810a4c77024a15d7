"""What lies outside the shop: a supplier whose line may hang, and the books. Leave it as it is."""

import os
import time
from uuid import uuid4

import redis

store = redis.Redis.from_url(os.environ["BOOKS_URL"], decode_responses=True)

STEP_S = 0.02
HANG_UP_S = 0.3
lines = {}


def hangs(name, row):
    """Tell whether a row is in the set `hangs:NAME`; look at most once in STEP_S seconds."""
    looked_at, rows = lines.get(name, (0.0, set()))
    if time.monotonic() - looked_at > STEP_S:
        rows = store.smembers(f"hangs:{name}")
        lines[name] = time.monotonic(), rows
    return str(row) in rows


def wait(name, row):
    """Wait while the line hangs; if `deaf:NAME` is set, go on waiting whatever happens."""
    try:
        while hangs(name, row):
            time.sleep(STEP_S)
    except Exception:
        if not store.exists(f"deaf:{name}"):
            raise
        wait(name, row)


def price(name, row):
    """Ask the supplier for a row's price; the line hangs at the rows in the set `hangs:NAME`."""
    if hangs(name, row):
        store.hincrby(f"asked:{name}", row, 1)
        try:
            wait(name, row)
        finally:
            time.sleep(HANG_UP_S)  # whether it answers or not, the line takes time to close
    return 100 + row


def book(name, row, cents, key=None):
    """
    Enter a row into the books of an import: one command to Redis, done whole or not at all.

    Each call makes an entry, and so does a second call for the same row. With a key it does not:
    if the books have an entry under this key, nothing happens.
    """
    own = uuid4().hex if key is None else key
    store.hsetnx(f"books:{name}", own, f"{row} {cents}")
