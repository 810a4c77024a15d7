"""The shop's cache: it remembers what a slow function returned. Change this file."""

import functools
import hashlib
import json
import os

import redis

store = redis.Redis.from_url(os.environ["CACHE_URL"])
LOCK_S = float(os.environ["LOCK_S"])  # a process that was killed holds back others no longer


def cached(ttl_s=3600):
    """Remember what a function returned, for up to ttl_s seconds."""

    def decorator(func):
        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            text = json.dumps([args, kwargs])  # TODO: which calls are the same question?
            key = f"{func.__name__}:{hashlib.md5(text.encode()).hexdigest()}"
            data = store.get(key)
            cached_result = json.loads(data) if data else None
            if cached_result:  # TODO: which answers never get here?
                return cached_result
            result = func(*args, **kwargs)  # TODO: who else does this at the same moment?
            store.set(key, json.dumps(result), ex=ttl_s)
            return result

        def forget():
            """Forget every answer of this function."""
            for key in store.keys(f"{func.__name__}:*"):  # TODO: what does Redis do meanwhile?
                store.delete(key)

        wrapper.forget = forget
        return wrapper

    return decorator
