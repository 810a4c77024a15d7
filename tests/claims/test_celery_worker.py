"""What a worker with Celery's defaults does, asked of a real one."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest
import redis

from taskyard.kit.queue import look, wait_for

pytestmark = pytest.mark.xdist_group("claims-worker")

DEADLINE_S = 20.0
GATE = "gate"


@pytest.fixture
def gate(shop: ModuleType) -> Iterator[redis.Redis]:
    """The result backend, where the key `gate` lets every task end that holds."""
    backend = redis.Redis.from_url(shop.app.conf.result_backend)
    backend.delete(GATE)
    yield backend
    backend.set(GATE, 1)


def test_a_tuple_comes_back_as_a_list(shop: ModuleType) -> None:
    """A result travels as JSON, so a returned tuple arrives as a list."""
    assert [3, 4] == shop.size.delay().get(timeout=DEADLINE_S)


def test_a_task_changes_nothing_in_the_producer(shop: ModuleType) -> None:
    """What a task appends to a list of its module is only in the worker's list."""
    assert 1 == shop.note.delay("sold").get(timeout=DEADLINE_S)
    assert [] == shop.seen


def test_a_result_goes_after_a_day(shop: ModuleType, gate: redis.Redis) -> None:
    """By default Redis deletes a result when it is one day old."""
    begun_s, _ = gate.time()
    handle = shop.size.delay()
    handle.get(timeout=DEADLINE_S)
    done_s, _ = gate.time()
    day_s = 24 * 60 * 60
    ends_s = gate.expiretime(f"celery-task-meta-{handle.id}")
    assert begun_s + day_s <= ends_s <= done_s + day_s + 1  # Redis counts in whole seconds


def test_a_worker_fetches_four_messages_in_advance(shop: ModuleType, gate: redis.Redis) -> None:
    """By default a worker with one slot runs one task and has fetched four more messages."""
    broker = shop.app.conf.broker_url
    handles = [shop.hold.delay(GATE) for _ in range(9)]
    seen = wait_for(
        lambda seen: len(seen.unacknowledged) == 4 and len(seen.waiting["celery"]) == 4, broker
    )
    ((running,),) = shop.app.control.inspect(timeout=DEADLINE_S, limit=1).active().values()
    fetched = {message.id for message in seen.unacknowledged}
    assert handles[0].id == running["id"]
    assert {handle.id for handle in handles[1:5]} == fetched
    assert seen == look(broker)
    gate.set(GATE, 1)
    for handle in handles:
        handle.get(timeout=DEADLINE_S)
