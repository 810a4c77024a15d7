"""The shop's cache: it remembers what a slow function returned. Change this file."""

import functools
import inspect
import json
import os
import random
import time
from contextlib import suppress
from datetime import date
from decimal import Decimal
from uuid import UUID, uuid4

import redis

store = redis.Redis.from_url(os.environ["CACHE_URL"], decode_responses=True)
LOCK_S = float(os.environ["LOCK_S"])  # a process that was killed holds back others no longer
STEP_S = 0.05


def plain(value):
    """Write an argument that JSON lacks as its type and its content, the same in each process."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, date | Decimal | UUID):
        return {kind: str(value)}
    if isinstance(value, set | frozenset):
        return {kind: sorted(value)}
    raise TypeError(f"{kind} cannot be an argument of a cached function")


def cached(ttl_s=3600):
    """Remember what a function returned, for up to ttl_s seconds."""

    def decorator(func):
        name = f"{func.__module__}.{func.__qualname__}"
        signature = inspect.signature(func)

        def version():
            """Return a part of each key; when it is another one, all that was stored is lost."""
            mine = uuid4().hex
            stays_s = 2 * ttl_s  # longer than what is stored under it
            return store.get(f"{name}:version") or (
                store.set(f"{name}:version", mine, nx=True, get=True, ex=stays_s) or mine
            )

        def key_of(args, kwargs):
            """Return one key for each question, however it is spelled."""
            call = signature.bind(*args, **kwargs)
            call.apply_defaults()
            text = json.dumps(call.arguments, sort_keys=True, default=plain)
            return f"{name}:{version()}:{hash(text)}"

        def fill(key, args, kwargs):
            """Do the work and store the answer; the last fifth of its time is a matter of luck."""
            data = json.dumps(func(*args, **kwargs))
            store.set(key, data, px=int(1000 * ttl_s * random.uniform(0.8, 1)))
            store.expire(f"{name}:version", 2 * ttl_s)
            return data

        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            key = key_of(args, kwargs)
            lock = store.lock(f"{key}:lock", timeout=LOCK_S)
            while (data := store.get(key)) is None:
                if lock.acquire(blocking=False):
                    try:
                        # Who held the lock before may have stored it by now
                        data = store.get(key) or fill(key, args, kwargs)
                        break
                    finally:
                        with suppress(redis.exceptions.LockNotOwnedError):
                            lock.release()
                time.sleep(STEP_S)  # watch for the value: the lock need not be ours
            return json.loads(data)

        def forget():
            """Forget every answer of this function."""
            store.delete(f"{name}:version")

        wrapper.forget = forget
        return wrapper

    return decorator
