"""The shop's cache: it remembers what a slow function returned. Change this file."""

import functools
import hashlib
import inspect
import json
import os
import random
import threading
import time
from contextlib import contextmanager, suppress
from datetime import date
from uuid import uuid4

import redis
from redis.exceptions import LockError

store = redis.Redis.from_url(os.environ["CACHE_URL"], decode_responses=True)
LOCK_S = float(os.environ["LOCK_S"])  # a process that was killed holds back others no longer
STEP_S = 0.05


def plain(value):
    """Turn what JSON lacks into what it has."""
    return {"date": str(value)} if isinstance(value, date) else {"set": sorted(value)}


@contextmanager
def held(lock):
    """Hold a lock as long as the work takes: a thread renews it, which dies with its process."""
    done = threading.Event()

    def renew():
        with suppress(LockError):  # another one has it by now
            while not done.wait(LOCK_S / 3):
                lock.reacquire()

    helper = threading.Thread(target=renew, daemon=True)
    helper.start()
    try:
        yield
    finally:
        done.set()
        helper.join()
        with suppress(LockError):
            lock.release()


def cached(ttl_s=3600):
    """Remember what a function returned, for up to ttl_s seconds."""

    def decorator(func):
        name = f"{func.__module__}:{func.__qualname__}"
        signature = inspect.signature(func)

        def key_of(args, kwargs):
            """Return one key for each question since the last forget()."""
            call = signature.bind(*args, **kwargs)
            call.apply_defaults()
            text = json.dumps(call.arguments, sort_keys=True, default=plain)
            # Each look lets it stay longer than what is stored under it
            since = store.getex(f"{name}:since", ex=2 * ttl_s) or "the beginning"
            return f"{name}:{hashlib.sha1(f'{since} {text}'.encode()).hexdigest()}"

        def work(key, args, kwargs):
            data = json.dumps(func(*args, **kwargs))
            store.psetex(key, random.randrange(800 * ttl_s, 1000 * ttl_s), data)
            return data

        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            key = key_of(args, kwargs)
            lock = store.lock(f"{key}:lock", timeout=LOCK_S, thread_local=False)
            while (data := store.get(key)) is None:
                if lock.acquire(blocking=False):
                    with held(lock):
                        # Who held the lock before may have stored it by now
                        data = store.get(key) or work(key, args, kwargs)
                        break
                time.sleep(STEP_S)
            return json.loads(data)

        def forget():
            """Forget every answer of this function."""
            store.set(f"{name}:since", uuid4().hex, ex=2 * ttl_s)

        wrapper.forget = forget
        return wrapper

    return decorator
