"""The shop's cache: it remembers what a slow function returned. Change this file."""

import functools
import hashlib
import inspect
import json
import os
import random
import time
from contextlib import suppress
from datetime import date
from uuid import uuid4

import redis

store = redis.Redis.from_url(os.environ["CACHE_URL"], decode_responses=True)
LOCK_S = float(os.environ["LOCK_S"])  # a process that was killed holds back others no longer
STEP_S = 0.04

# An answer that was worked on while all was forgotten has no place in the next hash
keep = store.register_script("""
if redis.call('HGET', KEYS[1], 'generation') == ARGV[1] then
    redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
    redis.call('HPEXPIRE', KEYS[1], ARGV[4], 'FIELDS', 1, ARGV[2])
end
""")


def plain(value):
    """Turn what JSON lacks into what it has."""
    return [type(value).__name__, value.isoformat() if isinstance(value, date) else sorted(value)]


def cached(ttl_s=3600):
    """Remember what a function returned, for up to ttl_s seconds."""

    def decorator(func):
        answers = f"{func.__module__}.{func.__qualname__}"  # a hash
        signature = inspect.signature(func)

        def look(question):
            """Return which hash this is, and what it holds."""
            with store.pipeline() as pipe:
                pipe.hsetnx(answers, "generation", uuid4().hex)
                pipe.expire(answers, 2 * ttl_s)
                pipe.hmget(answers, "generation", question)
                return pipe.execute()[-1]

        def work(generation, question, args, kwargs):
            data = json.dumps(func(*args, **kwargs))
            life_ms = int(1000 * ttl_s * random.triangular(0.7, 1))
            keep(keys=[answers], args=[generation, question, data, life_ms])
            return data

        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            call = signature.bind(*args, **kwargs)
            call.apply_defaults()
            text = json.dumps(call.arguments, sort_keys=True, default=plain)
            question = hashlib.sha256(text.encode()).hexdigest()
            while True:
                generation, data = look(question)
                if data is not None:
                    return json.loads(data)
                lock = store.lock(f"{answers}:{generation}:{question}", timeout=LOCK_S)
                if lock.acquire(blocking=False):
                    try:
                        # Who held the lock before may have stored it by now
                        data = look(question)[1] or work(generation, question, args, kwargs)
                        return json.loads(data)
                    finally:
                        with suppress(redis.exceptions.LockNotOwnedError):
                            lock.release()
                time.sleep(STEP_S)

        wrapper.forget = functools.partial(store.unlink, answers)
        return wrapper

    return decorator
