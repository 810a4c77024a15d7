"""What Celery says about results, asked with no worker at work."""

from __future__ import annotations

import celery.exceptions
import pytest
from celery import Celery

from taskyard.kit.queue import look

pytestmark = [
    pytest.mark.xdist_group("claims-results"),
    pytest.mark.filterwarnings("ignore:Call to deprecated setex"),  # by Celery itself
]


def test_an_id_that_never_existed_is_pending(app: Celery) -> None:
    """Celery says `PENDING` about an id that nobody has ever given out."""
    app.backend.store_result("known", 1, "SUCCESS")
    assert ["SUCCESS", "PENDING"] == [app.AsyncResult(id).state for id in ("known", "no-such-id")]


def test_a_message_stays_when_the_wait_for_its_result_is_over(app: Celery, url: str) -> None:
    """A `get` that times out leaves the message where it waits."""
    handle = app.send_task("tasks.send_email")
    with pytest.raises(celery.exceptions.TimeoutError):
        handle.get(timeout=0.2)
    app.backend.remove_pending_result(handle)  # or it looks for its server when that is gone
    assert [handle.id] == [message.id for message in look(url).waiting["celery"]]


def test_an_app_without_a_result_backend_cannot_be_asked(url: str) -> None:
    """Without a result backend, `get` is a NotImplementedError, `state` an AttributeError."""
    handle = Celery("blind", broker=url, set_as_current=False).send_task("tasks.send_email")
    with pytest.raises(NotImplementedError, match="No result backend is configured"):
        handle.get(timeout=1)
    with pytest.raises(AttributeError, match="'DisabledBackend' object has no attribute"):
        _ = handle.state
