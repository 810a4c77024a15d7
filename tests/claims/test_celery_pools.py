"""Which limits a pool enforces, asked of a real worker for each."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from taskyard.stack import Stack

pytestmark = pytest.mark.xdist_group("claims-pools")

FOLDER = Path(__file__).parent
DEADLINE_S = 60.0
LIMIT_S = 0.2
TASK_S = 1.0


@pytest.fixture
def tasks(
    request: pytest.FixtureRequest, stack: Stack, url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    """The tasks as their producer imports them, while a worker with the named pool runs them."""
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setenv("BROKER_URL", url)
    monkeypatch.setenv("RESULT_URL", stack.url(database=1))
    # as a process of its own: gevent has sockets that know no names of the local engine's services
    command = ["-m", "celery", "-A", "limits_tasks", "worker", f"--pool={request.param}"]
    worker = subprocess.Popen(
        [sys.executable, *command, "--concurrency=1", "--loglevel=CRITICAL"],
        cwd=FOLDER,
        env=os.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        monkeypatch.delitem(sys.modules, "limits_tasks", raising=False)
        yield importlib.import_module("limits_tasks")
    finally:
        worker.terminate()
        worker.wait(DEADLINE_S)


def outcome(handle: Any) -> tuple[str, str]:
    """Wait for the end of a task; return its state and the name of its error."""
    error = handle.get(timeout=DEADLINE_S, propagate=False)
    return handle.state, "" if error is None else type(error).__name__


@pytest.mark.parametrize("tasks", ["threads", "solo"], indirect=True)
def test_threads_and_solo_enforce_no_limit(tasks: ModuleType) -> None:
    """With `--pool=threads` and `--pool=solo` a task that outlasts both limits succeeds."""
    limits = {"soft_time_limit": LIMIT_S, "time_limit": 2 * LIMIT_S}
    assert ("SUCCESS", "") == outcome(tasks.wait.apply_async((TASK_S,), **limits))


@pytest.mark.parametrize("tasks", ["gevent"], indirect=True)
def test_gevent_keeps_the_hard_limit_where_a_task_yields(tasks: ModuleType) -> None:
    """With `--pool=gevent` the soft limit is ignored; the hard one ends a wait, no computation."""
    soft = tasks.wait.apply_async((TASK_S,), soft_time_limit=LIMIT_S)
    assert ("SUCCESS", "") == outcome(soft)
    hard = tasks.wait.apply_async((TASK_S,), time_limit=LIMIT_S)
    assert ("FAILURE", "TimeLimitExceeded") == outcome(hard)
    began = time.monotonic()
    outcome(tasks.compute.apply_async((TASK_S,), time_limit=LIMIT_S))
    assert time.monotonic() - began >= TASK_S
