"""The shop's cache: it remembers what a slow function returned. Change this file."""

import functools
import inspect
import json
import os
import random
import threading
import time
from contextlib import suppress
from datetime import date
from uuid import NAMESPACE_URL, uuid4, uuid5

import redis

store = redis.Redis.from_url(os.environ["CACHE_URL"], decode_responses=True)
LOCK_S = float(os.environ["LOCK_S"])  # a process that was killed holds back others no longer
STEP_S = 0.02
guard = threading.Lock()
sought = {}  # key: an event; one thread of this process asks Redis, and the others wait for it


def plain(value):
    """Turn what JSON lacks into what it has."""
    return {"date": str(value)} if isinstance(value, date) else {"set": sorted(value)}


def cached(ttl_s=3600):
    """Remember what a function returned, for up to ttl_s seconds."""

    def decorator(func):
        name = f"{func.__module__}.{func.__qualname__}"
        signature = inspect.signature(func)

        def key_of(args, kwargs):
            call = signature.bind(*args, **kwargs)
            call.apply_defaults()
            text = json.dumps(call.arguments, sort_keys=True, default=plain)
            epoch = store.getex(f"{name}:epoch", ex=2 * ttl_s) or 0
            return f"{name}:{epoch}:{uuid5(NAMESPACE_URL, text)}"

        def find(key, args, kwargs):
            """Work if no other process does, and else wait for its answer."""
            lock = store.lock(f"{key}:lock", timeout=LOCK_S)
            while (data := store.get(key)) is None:
                if lock.acquire(blocking=False):
                    try:
                        # Who held the lock before may have stored it by now
                        if (data := store.get(key)) is None:
                            data = json.dumps(func(*args, **kwargs))
                            store.set(key, data, px=int(1000 * ttl_s * (1 - random.random() / 4)))
                        return data
                    finally:
                        with suppress(redis.exceptions.LockNotOwnedError):
                            lock.release()
                time.sleep(STEP_S)
            return data

        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            key = key_of(args, kwargs)
            while (data := store.get(key)) is None:
                with guard:
                    mine = key not in sought
                    found = sought.setdefault(key, threading.Event())
                if mine:
                    try:
                        data = find(key, args, kwargs)
                        break
                    finally:
                        with guard:
                            del sought[key]
                        found.set()
                found.wait()
            return json.loads(data)

        def forget():
            """Begin another epoch: nobody finds the answers of the one before."""
            store.set(f"{name}:epoch", uuid4().hex, ex=2 * ttl_s)

        wrapper.forget = forget
        return wrapper

    return decorator
