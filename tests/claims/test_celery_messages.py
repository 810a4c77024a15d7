"""What becomes of a Celery message in Redis, asked of kombu and a real server."""

from __future__ import annotations

import time

import pytest
import redis
from celery import Celery
from kombu.exceptions import EncodeError

from taskyard.kit.queue import look

pytestmark = pytest.mark.xdist_group("claims-messages")

HOUR_S = 3600


def test_the_producer_refuses_what_json_cannot_hold(app: Celery, url: str) -> None:
    """An argument that is not JSON raises EncodeError in the producer, and writes no message."""

    @app.task
    def import_csv(name: object, rows: int) -> None: ...

    with pytest.raises(EncodeError, match="not JSON serializable"):
        import_csv.delay(object(), 50)
    assert {} == look(url).waiting
    import_csv.delay("orders.csv", 50)
    assert 1 == len(look(url).waiting["celery"])


@pytest.mark.parametrize(("age_s", "waiting"), [(HOUR_S - 60, 0), (HOUR_S + 60, 1)])
def test_an_unacknowledged_message_comes_back_after_an_hour(
    app: Celery, url: str, age_s: int, waiting: int
) -> None:
    """By default a message that nobody acknowledges for an hour goes back to its queue."""
    app.send_task("tasks.send_email")
    store = redis.Redis.from_url(url)
    with app.connection() as lost, app.connection() as other:
        queue = lost.SimpleQueue("celery")
        queue.get(timeout=5)
        (tag,) = store.zrange("unacked_index", 0, -1)
        assert 0 == store.llen("celery")
        store.zadd("unacked_index", {tag: time.time() - age_s})
        channel = other.default_channel
        assert HOUR_S == channel.visibility_timeout
        channel.qos.restore_visible()
        assert waiting == store.llen("celery")
        queue.consumer.cancel()
