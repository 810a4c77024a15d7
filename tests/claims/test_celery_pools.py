"""Which limits a pool enforces, asked of a real worker for each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from taskyard.kit.stack import Stack

pytestmark = pytest.mark.xdist_group("claims-pools")

FOLDER = Path(__file__).parent
DEADLINE_S = 60.0
LIMIT_S = 0.2
TASK_S = 1.0


@pytest.fixture
def shop(request: pytest.FixtureRequest, stack: Stack, app: Celery) -> Iterator[Celery]:
    """A producer, while a worker with the named pool runs its tasks."""
    # as a process of its own: gevent has sockets that know no names of the local engine's services
    command = ["-m", "celery", "-A", "limits_tasks", "worker", f"--pool={request.param}"]
    addresses = {"BROKER_URL": stack.url(), "RESULT_URL": stack.url(database=1)}
    worker = subprocess.Popen(
        [sys.executable, *command, "--concurrency=1", "--loglevel=CRITICAL"],
        cwd=FOLDER,
        env={**os.environ, **addresses},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield app
    finally:
        worker.terminate()
        worker.wait(DEADLINE_S)


def outcome(shop: Celery, task: str, *words: str, **limits: float) -> tuple[str, str]:
    """Run a task for TASK_S; return its state and the name of its error."""
    handle = shop.send_task(f"limits_tasks.{task}", (TASK_S, *words), **limits)
    error = handle.get(timeout=DEADLINE_S, propagate=False)
    return handle.state, "" if error is None else type(error).__name__


@pytest.mark.parametrize("shop", ["threads", "solo"], indirect=True)
def test_threads_and_solo_enforce_no_limit(shop: Celery) -> None:
    """With `--pool=threads` and `--pool=solo` a task that outlasts both limits succeeds."""
    assert ("SUCCESS", "") == outcome(shop, "wait", soft_time_limit=LIMIT_S, time_limit=2 * LIMIT_S)


@pytest.mark.parametrize("shop", ["gevent"], indirect=True)
def test_gevent_keeps_the_hard_limit_where_a_task_yields(shop: Celery, tmp_path: Path) -> None:
    """With `--pool=gevent` the soft limit is ignored; the hard one ends a wait, no computation."""
    assert ("SUCCESS", "") == outcome(shop, "wait", soft_time_limit=LIMIT_S)
    assert ("FAILURE", "TimeLimitExceeded") == outcome(shop, "wait", time_limit=LIMIT_S)
    outcome(shop, "compute", str(tmp_path / "computed"), time_limit=LIMIT_S)
    assert (tmp_path / "computed").exists()
