"""What a worker does with a task whose process was killed, asked of a real one."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from celery import Celery

from taskyard.deadline import until
from taskyard.kit.queue import wait_for

pytestmark = pytest.mark.xdist_group("claims-limits")

TASKS = Path(__file__).parent / "limits_tasks.py"
DEADLINE_S = 60.0
SLOTS = 2


def runs(app: Celery, name: str) -> int:
    return int(app.backend.client.get(name) or 0)


def test_retry_on_worker_lost_has_an_end(shop: ModuleType) -> None:
    """With `task_retry_on_worker_lost`, a task that kills its process is retried and then fails."""
    handle = shop.fall.delay("fall")
    handle.get(timeout=DEADLINE_S, propagate=False)
    assert "WorkerLostError" == type(handle.result).__name__
    assert ("FAILURE", 2) == (handle.state, runs(shop.app, "fall"))


def test_acks_on_timeout_decides_whether_a_hard_limit_is_the_end(shop: ModuleType) -> None:
    """A late task that its hard limit stopped is over, or runs again with `acks_on_timeout` off."""
    over, again = shop.hang.delay("over"), shop.hang_again.delay("again")
    until(lambda: runs(shop.app, "again") > 1, "the second run", DEADLINE_S)
    until(lambda: over.state == "FAILURE", "the other task to end", DEADLINE_S)
    shop.app.backend.client.set("again:open", 1)
    again.get(timeout=DEADLINE_S, propagate=False)
    wait_for(lambda seen: seen.is_quiet, shop.app.conf.broker_url, timeout_s=DEADLINE_S)
    assert 1 == runs(shop.app, "over")
