"""What the claims are asked of: a real server, and a real worker with Celery's defaults."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import redis
from celery import Celery

from taskyard.kit.stack import Stack

SHOP = Path(__file__).parent / "shop_tasks.py"

SERVER = """
services:
  redis:
    image: redis:8-alpine
    healthcheck:
      test: ["CMD", "redis-cli", "ping"]
      interval: 1s
      retries: 20
"""
WORKER = """
  worker:
    image: taskyard-runtime
    command: celery -A {tasks} worker --concurrency={slots}
    environment:
      BROKER_URL: redis://redis:6379/0
      RESULT_URL: redis://redis:6379/1
    volumes: [".:/lab:ro"]
    depends_on:
      redis: {{condition: service_healthy}}
"""


def stack_of(folder: Path, text: str, tasks: Path = SHOP) -> Stack:
    """Lay out a project of these services."""
    (folder / "compose.yaml").write_text(text)
    shutil.copy(tasks, folder)
    return Stack(folder, "local")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server without clients."""
    with stack_of(tmp_path_factory.mktemp("claims"), SERVER) as stack:
        yield stack


@pytest.fixture
def url(stack: Stack) -> str:
    """Database 0 of the server, which holds nothing yet."""
    redis.Redis.from_url(stack.url()).flushall()
    return stack.url()


@pytest.fixture
def app(url: str, stack: Stack) -> Celery:
    """A producer with a broker, a result backend in database 1, and no worker."""
    return Celery("claims", broker=url, backend=stack.url(database=1), set_as_current=False)


@pytest.fixture(scope="module")
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModuleType]:
    """
    The tasks as their producer imports them, while a worker runs that imports them too.

    A module of claims may set `TASKS`, a file of tasks of its own, and `SLOTS`.
    """
    tasks: Path = getattr(request.module, "TASKS", SHOP)
    worker = WORKER.format(tasks=tasks.stem, slots=getattr(request.module, "SLOTS", 1))
    with (
        stack_of(tmp_path_factory.mktemp(tasks.stem), SERVER + worker, tasks) as stack,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("BROKER_URL", stack.url())
        patch.setenv("RESULT_URL", stack.url(database=1))
        spec = importlib.util.spec_from_file_location(tasks.stem, tasks)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
