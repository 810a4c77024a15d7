"""The shop's cache: it remembers what a slow function returned. Change this file."""

import functools
import inspect
import json
import os
import random
from contextlib import suppress
from datetime import date

import redis

store = redis.Redis.from_url(os.environ["CACHE_URL"], decode_responses=True)
LOCK_S = float(os.environ["LOCK_S"])  # a process that was killed holds back others no longer
LOOK_MS = 100  # who is killed or fails adds nothing, so the others look as well

# An entry is as old as its work: Redis refuses it where a later one is
add = store.register_script("""
redis.call('XADD', KEYS[1], 'MAXLEN', 1, ARGV[1], 'answer', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
""")


def now():
    """Return the time of Redis as an entry of a stream has it."""
    return "{}-{}".format(*store.time())


def plain(value):
    """Turn what JSON lacks into what it has."""
    return {"date": str(value)} if isinstance(value, date) else {"set": sorted(value)}


def cached(ttl_s=3600):
    """Remember what a function returned, for up to ttl_s seconds."""

    def decorator(func):
        name = f"{func.__module__}/{func.__qualname__}"
        signature = inspect.signature(func)

        def work(stream, args, kwargs):
            began, answer = now(), json.dumps(func(*args, **kwargs))
            life_ms = random.randint(700 * ttl_s, 1000 * ttl_s)
            with suppress(redis.ResponseError):
                add(keys=[stream], args=[began, answer, life_ms])
            return answer

        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            call = signature.bind(*args, **kwargs)
            call.apply_defaults()
            stream = f"{name}/{json.dumps(call.arguments, sort_keys=True, default=plain)}"
            since = store.get(f"{name}/forgotten") or "0-0"

            def known():
                entries = store.xrange(stream, min=f"({since}", count=1)
                return entries[0][1]["answer"] if entries else None

            lock = store.lock(f"{stream}/{since}/lock", timeout=LOCK_S)
            while (answer := known()) is None:
                if lock.acquire(blocking=False):
                    try:
                        # Who held the lock before may have added it by now
                        answer = known() or work(stream, args, kwargs)
                        break
                    finally:
                        with suppress(redis.exceptions.LockNotOwnedError):
                            lock.release()
                store.xread({stream: since}, block=LOOK_MS)  # it returns as soon as there is one
            return json.loads(answer)

        def forget():
            """Forget every answer to which the work began until now."""
            store.set(f"{name}/forgotten", now(), ex=2 * ttl_s)

        wrapper.forget = forget
        return wrapper

    return decorator
