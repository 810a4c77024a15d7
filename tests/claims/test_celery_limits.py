"""What a worker does with a task whose process was killed, asked of a real one."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from celery import Celery

from taskyard.deadline import until
from taskyard.queue import wait_for
from taskyard.stack import Stack

pytestmark = pytest.mark.xdist_group("claims-limits")

TASKS = Path(__file__).parent / "limits_tasks.py"
DEADLINE_S = 60.0
STACK = """
services:
  redis:
    image: redis:8-alpine
    healthcheck:
      test: ["CMD", "redis-cli", "ping"]
      interval: 1s

  worker:
    image: taskyard-runtime
    command: celery -A limits_tasks worker --concurrency=2
    environment:
      BROKER_URL: redis://redis:6379/0
      RESULT_URL: redis://redis:6379/1
    volumes: [".:/lab:ro"]
    depends_on:
      redis: {condition: service_healthy}
"""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The tasks as their producer imports them, while a worker runs that imports them too."""
    folder = tmp_path_factory.mktemp("limits")
    (folder / "compose.yaml").write_text(STACK)
    shutil.copy(TASKS, folder)
    with Stack(folder, "local") as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("BROKER_URL", stack.url())
        patch.setenv("RESULT_URL", stack.url(database=1))
        spec = importlib.util.spec_from_file_location(TASKS.stem, TASKS)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


def runs(app: Celery, name: str) -> int:
    return int(app.backend.client.get(name) or 0)


def test_retry_on_worker_lost_has_an_end(tasks: ModuleType) -> None:
    """With `task_retry_on_worker_lost`, a task that kills its process is retried and then fails."""
    handle = tasks.fall.delay("fall")
    handle.get(timeout=DEADLINE_S, propagate=False)
    assert "WorkerLostError" == type(handle.result).__name__
    assert ("FAILURE", 2) == (handle.state, runs(tasks.app, "fall"))


def test_acks_on_timeout_decides_whether_a_hard_limit_is_the_end(tasks: ModuleType) -> None:
    """A late task that its hard limit stopped is over, or runs again with `acks_on_timeout` off."""
    over, again = tasks.hang.delay("over"), tasks.hang_again.delay("again")
    until(lambda: runs(tasks.app, "again") > 1, "the second run", DEADLINE_S)
    until(lambda: over.state == "FAILURE", "the other task to end", DEADLINE_S)
    tasks.app.backend.client.set("again:open", 1)
    assert again.get(timeout=DEADLINE_S, propagate=False) is None or again.state == "FAILURE"
    wait_for(lambda seen: seen.is_quiet, tasks.app.conf.broker_url, timeout_s=DEADLINE_S)
    assert 1 == runs(tasks.app, "over")
