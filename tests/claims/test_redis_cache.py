"""What a cache in Redis can rely on, asked of a server."""

from __future__ import annotations

import pytest
import redis

from taskyard.course import Course
from taskyard.kit.contract import load

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


def test_an_answer_in_work_outlives_a_search_and_not_a_version(
    store: redis.Redis, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In lab 04's cache, what is stored after SCAN and DEL is found; after `forget` it is not."""
    monkeypatch.setenv("CACHE_URL", url)
    monkeypatch.setenv("LOCK_S", "60")
    cache = load(Course.discover().lab("redis-cache").solution / "cache.py")
    ages, meanwhile = iter(["old", "older", "new"]), iter([])

    @cache.cached(TTL_S)
    def describe(product: str) -> str:
        age = next(ages)
        for forget in meanwhile:
            forget()
        return f"{product} from {age} data"

    def search() -> None:
        answers = [key for key in store.scan_iter("*:*:*") if not key.endswith(":lock")]
        assert len(answers) == 1
        store.delete(*answers)

    assert "lamp from old data" == describe("lamp")
    meanwhile = iter([search])
    assert "mug from older data" == describe("mug")
    assert "mug from older data" == describe("mug")

    store.flushall()
    ages, meanwhile = iter(["old", "new"]), iter([describe.forget])
    assert "mug from old data" == describe("mug")
    assert "mug from new data" == describe("mug")
