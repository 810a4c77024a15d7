"""What happens to Celery's keys in a Redis that is full, emptied or shared, asked of a server."""

from __future__ import annotations

from collections.abc import Iterator

import kombu.exceptions
import pytest
import redis
from celery import Celery

from taskyard.deadline import until
from taskyard.kit.queue import look
from taskyard.kit.stack import Stack

pytestmark = [
    pytest.mark.xdist_group("claims-memory"),
    pytest.mark.filterwarnings("ignore:Call to deprecated setex"),  # by Celery itself
]

MESSAGES = 20
ROOM_BYTES = 1_000_000
FILLS = 20_000
IDLE_S = 2
DEADLINE_S = 20.0


@pytest.fixture
def store(url: str) -> Iterator[redis.Redis]:
    """The server, with room for a little more than it holds."""
    store = redis.Redis.from_url(url)
    defaults = store.config_get("maxmemory*")
    limit = store.info("memory")["used_memory"] + ROOM_BYTES
    store.config_set("maxmemory", limit)
    yield store
    store.flushall()
    for name in ("maxmemory", "maxmemory-policy"):
        store.config_set(name, defaults[name])


def send(app: Celery, number: int = MESSAGES) -> None:
    for _ in range(number):
        app.send_task("tasks.send_email", ("customer@example.com",))


def overfill(store: redis.Redis) -> None:
    """Go over the limit with one value: Redis checks the limit before a write, not during it."""
    store.setrange("big", int(store.config_get("maxmemory")["maxmemory"]), "x")


def test_a_list_goes_with_its_last_element(url: str) -> None:
    """Redis keeps no key for an empty list."""
    store = redis.Redis.from_url(url)
    store.lpush("celery", "message")
    assert 1 == store.exists("celery")
    store.rpop("celery")
    assert 0 == store.exists("celery")


def test_flushdb_takes_the_messages_with_the_results(url: str) -> None:
    """Where broker and result backend are one database, FLUSHDB removes waiting messages too."""
    app = Celery("claims", broker=url, backend=url, set_as_current=False)
    send(app)
    app.backend.store_result("import-40", 1200, "SUCCESS")
    before = look(url)
    assert (MESSAGES, 1) == (len(before.waiting["celery"]), len(before.results))
    redis.Redis.from_url(url).flushdb()
    assert ({}, ()) == (look(url).waiting, look(url).results)


def test_two_databases_share_one_memory_limit(
    app: Celery, store: redis.Redis, stack: Stack
) -> None:
    """Results that fill database 1 make Redis refuse messages in database 0."""
    send(app)
    with redis.Redis.from_url(stack.url(database=1)) as results:
        overfill(results)
    with pytest.raises(kombu.exceptions.OperationalError, match="maxmemory"):
        send(app, 1)
    assert MESSAGES == store.llen("celery")


def test_a_full_redis_refuses_and_keeps_what_it_has(app: Celery, store: redis.Redis) -> None:
    """By default a full server refuses writes, `.delay` raises, and every message stays."""
    assert {"maxmemory-policy": "noeviction"} == store.config_get("maxmemory-policy")
    send(app)
    overfill(store)
    with pytest.raises(kombu.exceptions.OperationalError, match="maxmemory"):
        send(app, 1)
    assert MESSAGES == store.llen("celery")


def test_an_evicted_queue_is_lost_as_a_whole(app: Celery, store: redis.Redis) -> None:
    """Under `allkeys-lru` a full server throws away the whole list of waiting messages at once."""
    store.config_set("maxmemory-policy", "allkeys-lru")
    send(app)
    assert MESSAGES == store.llen("celery")
    until(lambda: store.object("idletime", "celery") >= IDLE_S, "the list to lie idle", DEADLINE_S)
    number = 0
    while store.exists("celery") and number < FILLS:  # EXISTS does not count as a use
        store.set(f"cache:{number}", bytes(10_000))
        number += 1
    assert 0 == store.llen("celery")
