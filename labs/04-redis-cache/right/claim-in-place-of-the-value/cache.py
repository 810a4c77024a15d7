"""The shop's cache: it remembers what a slow function returned. Change this file."""

import functools
import hashlib
import inspect
import json
import os
import random
import secrets
import time
from collections.abc import Mapping, Set
from datetime import date

import redis

store = redis.from_url(os.environ["CACHE_URL"], decode_responses=True)
LOCK_S = float(os.environ["LOCK_S"])  # a process that was killed holds back others no longer
CLAIM = "claim "  # no answer begins so: it is JSON


def spell(value):
    """Write an argument as a text that is the same in each process."""
    match value:
        case None | bool() | int() | float() | str() | date():
            return repr(value)
        case list() | tuple():
            return f"[{', '.join(map(spell, value))}]"
        case Set():
            return f"set{sorted(map(spell, value))}"
        case Mapping():
            return f"map{sorted((spell(name), spell(one)) for name, one in value.items())}"
    raise TypeError(f"{value!r} cannot be an argument of a cached function")


class Cached:
    """A function whose answers are remembered for up to ttl_s seconds."""

    def __init__(self, func, ttl_s):
        functools.update_wrapper(self, func)
        self.func, self.ttl_s = func, ttl_s
        self.name = f"{func.__module__}:{func.__qualname__}"

    def __call__(self, *args, **kwargs):
        key, claim = self.key(args, kwargs), CLAIM + secrets.token_hex(16)
        # Redis writes the claim where nothing is, and else says what is there: a claim or an answer
        while found := store.set(key, claim, nx=True, get=True, px=int(1000 * LOCK_S)):
            if not found.startswith(CLAIM):
                return json.loads(found)
            time.sleep(0.05)
        try:
            answer = self.func(*args, **kwargs)
            life_s = self.ttl_s * random.uniform(0.75, 1)
            store.set(key, json.dumps(answer), px=int(1000 * life_s))
            store.expire(f"{self.name}:generation", 2 * self.ttl_s)
            return answer
        finally:
            store.transaction(functools.partial(give_up, key, claim), key)

    def key(self, args, kwargs):
        """Return one key for each question to this generation."""
        call = inspect.signature(self.func).bind(*args, **kwargs)
        call.apply_defaults()
        question = hashlib.blake2b(spell(call.arguments).encode(), digest_size=16).hexdigest()
        generation = store.get(f"{self.name}:generation") or 0
        return f"{self.name}:{generation}:{question}"

    def forget(self):
        """Begin another generation: nobody finds the answers of the one before."""
        with store.pipeline() as pipe:
            pipe.incr(f"{self.name}:generation")
            # It outlives what was stored before; then a count from 0 meets no old answer
            pipe.expire(f"{self.name}:generation", 2 * self.ttl_s)
            pipe.execute()


def give_up(key, claim, pipe):
    """Take a claim back, unless an answer or another one's claim stands there by now."""
    mine = pipe.get(key) == claim
    pipe.multi()
    if mine:
        pipe.delete(key)


def cached(ttl_s=3600):
    """Remember what a function returned, for up to ttl_s seconds."""
    return functools.partial(Cached, ttl_s=ttl_s)
