"""A worker is known as one however it is started, and counted as one that will answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from celery import Celery

from taskyard.compose import read
from taskyard.deadline import until
from taskyard.kit.recorder import Recorder, wait_for_workers
from taskyard.kit.stack import Stack
from taskyard.kit.worker import starts_worker

COMPOSE = """
x-shop: &shop
  image: shop
  environment: { BROKER_URL: "redis://redis:6379/0" }
services:
  redis: { image: "redis:8-alpine" }
  plain: { <<: *shop, command: celery -A tasks worker -P solo }
  shell: { <<: *shop, command: ["sh", "-c", "exec celery -A tasks worker -P solo"] }
  script: { <<: *shop, command: ["sh", "start.sh"] }
  program: { <<: *shop, command: ["python", "tasks.py"], deploy: { replicas: 2 } }
  beat: { <<: *shop, command: celery -A tasks beat }
  shop: { <<: *shop, command: ["python", "-c", "import time; time.sleep(600)"] }
"""

TASKS = """import os
from celery import Celery
app = Celery(broker=os.environ["BROKER_URL"])
if __name__ == "__main__":
    app.worker_main(["worker", "--pool=solo"])
"""


@pytest.mark.xdist_group("worker")
def test_workers_are_those_that_answer(tmp_path: Path) -> None:
    """Five, of which three are known before they have begun; a beat and a shop are none."""
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "tasks.py").write_text(TASKS)
    (tmp_path / "start.sh").write_text("# not a celery beat\nexec celery -A tasks worker -P solo\n")
    with Stack(tmp_path, "local") as stack:
        assert stack.workers() >= 3
        until(lambda: stack.workers() == 5, "the programs to greet", saw=stack.workers)
        app = Celery(broker=stack.url(), set_as_current=False)
        names = wait_for_workers(app, stack.workers())
        assert names == [
            f"celery@{name}"
            for name in ("plain-1", "program-1", "program-2", "script-1", "shell-1")
        ]
        with Recorder(stack.url(), stack.workers()):
            assert stack.workers() == 5


@pytest.mark.parametrize(
    ("command", "is_worker"),
    [
        ("celery -A tasks worker", True),
        ("celery --app=tasks -b redis://redis worker --loglevel=info", True),
        ("python -m celery -A tasks worker", True),
        ("/opt/venv/bin/celery -A tasks worker", True),
        ('["sh", "-c", "sleep 1 && exec celery -A tasks worker"]', True),
        ("celery -A worker beat", False),
        ("celery -A tasks inspect ping -d worker", False),
        ("celery --app worker flower", False),
        ("python worker.py", False),
        ('["sh", "-c", "echo celery: the worker"]', False),
        ('["python", "-c", "print(\'it is here\')"]', False),
    ],
)
def test_a_command_tells_whether_it_starts_a_worker(
    tmp_path: Path, command: str, is_worker: bool
) -> None:
    """The words may stand there and mean something else."""
    path = tmp_path / "compose.yaml"
    path.write_text(f"services: {{it: {{image: i, command: {command}}}}}")
    assert starts_worker(read(path).services["it"], tmp_path) == is_worker
