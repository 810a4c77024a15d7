"""A worker is recognised however it is started, and counted if it will answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from celery import Celery

from taskyard.compose import read
from taskyard.deadline import until
from taskyard.kit.recorder import Recorder, wait_for_workers
from taskyard.kit.stack import Stack
from taskyard.kit.worker import programs, subcommand

COMPOSE = """
x-shop: &shop
  image: shop
  environment: { BROKER_URL: "redis://redis:6379/0" }
services:
  redis: { image: "redis:8-alpine" }
  plain: { <<: *shop, command: celery -A tasks worker -P solo }
  shell: { <<: *shop, command: ["sh", "-c", "exec celery -A tasks worker -P solo"] }
  script: { <<: *shop, command: ["sh", "start.sh"] }
  parts: { <<: *shop, entrypoint: ["celery", "-A", "tasks"], command: ["worker", "-P", "solo"] }
  entry: { <<: *shop, entrypoint: ["sh", "start.sh"] }
  program: { <<: *shop, command: ["python", "tasks.py"], deploy: { replicas: 2 } }
  beat: { <<: *shop, command: celery -A tasks beat --enable-remote-control -s beat.schedule }
  shop:
    <<: *shop
    command: ["python", "-c", "import time; time.sleep(600)"]
    healthcheck: { test: ["CMD", "true"], start_period: 9s, start_interval: 0.2s }
"""

TASKS = """import os
from celery import Celery
app = Celery(broker=os.environ["BROKER_URL"])
if __name__ == "__main__":
    app.worker_main(["worker", "--pool=solo"])
"""


@pytest.mark.xdist_group("worker")
def test_workers_are_those_that_answer(tmp_path: Path) -> None:
    """Seven, even if the command does not say so; a beat and a shop are not among them."""
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "tasks.py").write_text(TASKS)
    (tmp_path / "start.sh").write_text("# not a celery beat\nexec celery -A tasks worker -P solo\n")
    with Stack(tmp_path, "local") as stack:
        assert stack.workers() == 7
        app = Celery(broker=stack.url(), set_as_current=False)

        def beat_answers() -> bool:
            return any("celerybeat@beat-1" in one for one in app.control.ping(timeout=0.5))

        until(beat_answers, "a beat that is told to answer")
        names = wait_for_workers(app, stack.workers())
        assert names == [
            f"celery@{name}"
            for name in (
                "entry-1",
                "parts-1",
                "plain-1",
                "program-1",
                "program-2",
                "script-1",
                "shell-1",
            )
        ]
        with Recorder(stack.url(), stack.workers()):
            names = [one.name for one in stack.worker_replicas()]
            assert names == [
                "plain-1",
                "shell-1",
                "script-1",
                "parts-1",
                "entry-1",
                "program-1",
                "program-2",
            ]


@pytest.mark.xdist_group("worker")
def test_the_address_of_a_redis_is_one_outside(tmp_path: Path) -> None:
    """Login, database and options stay; what is no Redis of the project's stays as it is."""
    shop = "{image: shop, command: sleep 600, environment: {BROKER_URL: 'redis://store:6379/2'}}"
    services = f"{{store: {{image: redis:8-alpine}}, shop: {shop}}}"
    (tmp_path / "compose.yaml").write_text(f"services: {services}")
    with Stack(tmp_path, "local") as stack:
        host, port = stack.endpoint("store", 6379)
        inside = {
            "redis://store:6379/2": f"redis://{host}:{port}/2",
            "redis://store": f"redis://{host}:{port}",
            "redis://shop:s%40p@store:6379/0?health_check_interval=5": (
                f"redis://shop:s%40p@{host}:{port}/0?health_check_interval=5"
            ),
            "redis://elsewhere:6379/2": "redis://elsewhere:6379/2",
            "http://shop/health": "http://shop/health",
            "src": "src",
        }
        assert {url: stack.outside(url) for url in inside} == inside
        assert stack.url_of("BROKER_URL") == f"redis://{host}:{port}/2"


def test_a_command_tells_how_it_runs_celery(tmp_path: Path) -> None:
    """A script of the folder counts; each program has the words that follow."""
    (tmp_path / "start.sh").write_text("celery -A tasks inspect ping\nexec celery beat -s nights\n")
    path = tmp_path / "compose.yaml"
    path.write_text("services: {it: {image: i, command: sh start.sh}}")
    assert list(programs(read(path).services["it"], tmp_path)) == [
        ("inspect", ["-A", "tasks", "inspect", "ping", "exec", "celery", "beat", "-s", "nights"]),
        ("beat", ["beat", "-s", "nights"]),
    ]


@pytest.mark.parametrize(
    ("command", "runs"),
    [
        ("celery -A tasks worker", "worker"),
        ("celery --app=tasks -b redis://redis worker --loglevel=info", "worker"),
        ("python -m celery -A tasks worker", "worker"),
        ("/opt/venv/bin/celery -A tasks worker", "worker"),
        ('["sh", "-c", "sleep 1 && exec celery -A tasks worker"]', "worker"),
        ('["sh", "-c", "celery -A tasks inspect ping; celery -A tasks worker"]', "worker"),
        ("celery -A worker beat", "beat"),
        ("celery -A tasks inspect ping -d worker", "inspect"),
        ("celery --app worker flower", "flower"),
        ("python worker.py", ""),
        ('["sh", "-c", "echo celery: the worker"]', ""),
        ('["python", "-c", "print(\'it is here\')"]', ""),
    ],
)
def test_a_command_tells_what_it_runs_of_celery(tmp_path: Path, command: str, runs: str) -> None:
    """The words may stand there and mean something else."""
    path = tmp_path / "compose.yaml"
    path.write_text(f"services: {{it: {{image: i, command: {command}}}}}")
    assert subcommand(read(path).services["it"], tmp_path) == runs
