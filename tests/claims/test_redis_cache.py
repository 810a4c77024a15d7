"""What a cache in Redis can rely on, asked of a server."""

from __future__ import annotations

import pytest
import redis

pytestmark = pytest.mark.xdist_group("claims-cache")

TTL_S = 60


@pytest.fixture
def store(url: str) -> redis.Redis:
    """An empty server, and a client that returns text."""
    return redis.Redis.from_url(url, decode_responses=True)


def test_one_of_two_sets_a_key_that_is_not_there(store: redis.Redis) -> None:
    """`SET` with `NX` tells the first caller True and the second one None, and keeps the first."""
    said = [store.set("report:lock", token, nx=True, ex=TTL_S) for token in ("first", "second")]
    assert [True, None] == said
    assert "first" == store.get("report:lock")
    assert 0 < store.ttl("report:lock") <= TTL_S


def test_an_answer_in_work_outlives_a_search_and_not_a_version(store: redis.Redis) -> None:
    """What is stored after a SCAN and DEL is found; under an old version it is not."""

    def key() -> str:
        return f"describe:{store.get('version')}:lamp"

    store.set("version", "1")
    begun = key()
    for found in store.scan_iter("describe:*"):
        store.delete(found)
    store.set(begun, "from old data", ex=TTL_S)
    assert "from old data" == store.get(key())

    begun = key()
    store.set("version", "2")
    store.set(begun, "from old data", ex=TTL_S)
    assert store.get(key()) is None
