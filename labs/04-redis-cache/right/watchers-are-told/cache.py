"""The shop's cache: it remembers what a slow function returned. Change this file."""

import functools
import inspect
import json
import os
import random
import uuid

import redis

store = redis.Redis.from_url(os.environ["CACHE_URL"], decode_responses=True)
LOCK_S = float(os.environ["LOCK_S"])  # a process that was killed holds back others no longer
LOOK_S = 0.5  # who is killed tells nobody, so the others look as well

# Redis runs it as one step: nobody takes the lock between the question and the deletion
free = store.register_script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('DEL', KEYS[1])
end
redis.call('PUBLISH', KEYS[1], 'free')
""")


def now():
    """Return the time of Redis, in seconds: the clocks of two shops differ."""
    seconds, microseconds = store.time()
    return seconds + microseconds / 1e6


def plain(value):
    """Turn what JSON lacks into what it has."""
    if isinstance(value, set | frozenset):
        return {"set": sorted(value, key=repr)}
    return {type(value).__name__: value.isoformat()}  # a date


def cached(ttl_s=3600):
    """Remember what a function returned, for up to ttl_s seconds."""

    def decorator(func):
        name = f"cache:{func.__module__}.{func.__qualname__}"
        parameters = inspect.signature(func)

        def known(key):
            """Return what is stored, unless its work began before all was forgotten."""
            data, forgotten_at = store.mget(key, f"{name}:forgotten")
            entry = json.loads(data) if data else None
            return entry if entry and entry["began"] > float(forgotten_at or 0) else None

        def work(key, args, kwargs):
            entry = {"began": now(), "answer": func(*args, **kwargs)}
            store.setex(key, random.randint(ttl_s * 3 // 4, ttl_s), json.dumps(entry))
            return entry

        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            bound = parameters.bind(*args, **kwargs)
            bound.apply_defaults()
            question = json.dumps(bound.arguments, sort_keys=True, default=plain)
            key = f"{name}:{uuid.uuid5(uuid.NAMESPACE_OID, question)}"
            lock, token = f"{key}:lock", uuid.uuid4().hex
            while (entry := known(key)) is None:
                if store.set(lock, token, nx=True, px=round(LOCK_S * 1000)):
                    try:
                        # Who held the lock before may have stored it by now
                        entry = known(key) or work(key, args, kwargs)
                        break
                    finally:
                        free(keys=[lock], args=[token])
                listen(lock)
            return entry["answer"]

        def forget():
            """Forget every answer of this function."""
            # Longer than an answer stays that somebody works on at this moment
            store.set(f"{name}:forgotten", now(), ex=2 * ttl_s)

        wrapper.forget = forget
        return wrapper

    return decorator


def listen(lock):
    """Wait until somebody tells that a lock is free; it may be so already."""
    with store.pubsub(ignore_subscribe_messages=True) as news:
        news.subscribe(lock)
        news.get_message(timeout=LOOK_S)  # that we are subscribed
        if store.exists(lock):
            news.get_message(timeout=LOOK_S)
