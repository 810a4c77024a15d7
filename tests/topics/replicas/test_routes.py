"""The shop's app says itself which queue a task goes to: no spelling of a route is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskyard.errors import TaskyardError
from taskyard.kit.stack import Stack
from taskyard.topics.replicas.routes import queues_of

COMPOSE = "services: {worker: {image: taskyard-runtime, command: sleep 600}}"

PRICES, PHOTO = "tasks.fetch_prices", "tasks.shrink_photo"


@pytest.mark.parametrize(
    ("settings", "queues"),
    [
        ("", ("celery", "celery")),
        ('task_routes = {"tasks.shrink_photo": {"queue": "photos"}}', ("celery", "photos")),
        ('task_default_queue = "prices"; task_routes = {"*.shrink_*": "cpu"}', ("prices", "cpu")),
        ("def task_routes(name, *_, **__): return name[6:]", ("fetch_prices", "shrink_photo")),
    ],
)
def test_the_app_says_where_a_task_goes(
    tmp_path: Path, settings: str, queues: tuple[str, str]
) -> None:
    """It holds however its settings say it."""
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "celeryconfig.py").write_text(settings)
    app = 'from celery import Celery\napp = Celery()\napp.config_from_object("celeryconfig")\n'
    (tmp_path / "tasks.py").write_text(app)
    with Stack(tmp_path, "local") as stack:
        assert queues_of(stack, PRICES, PHOTO) == dict(zip((PRICES, PHOTO), queues, strict=True))


def test_an_app_that_cannot_say_it_is_named_with_the_reason(tmp_path: Path) -> None:
    """The reason is the last line of the traceback."""
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "tasks.py").write_text("apps = []\n")
    with Stack(tmp_path, "local") as stack, pytest.raises(TaskyardError, match="import name 'app'"):
        queues_of(stack, PRICES)
