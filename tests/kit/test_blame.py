"""The place of a fault that a log names, and what the log means, on lab 01's own stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskyard.course import Course
from taskyard.kit.blame import place_in
from taskyard.kit.requirement import Unmet, ask
from taskyard.kit.stack import Stack


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/srv/tasks.py", "tasks.py:7"),
        ("/app/shop/orders.py", "shop/orders.py:7"),
        ("tasks.py", "tasks.py:7"),
        ("/usr/lib/python3.13/tasks.py", ""),
        ("/venv/lib/python3.13/site-packages/celery/tasks.py", ""),
        ("/srv/elsewhere.py", ""),
        ("<string>", ""),
    ],
)
def test_a_frame_is_the_learner_s_if_its_file_is(tmp_path: Path, path: str, place: str) -> None:
    """In a container the files lie elsewhere, and a library has files of the same name."""
    (tmp_path / "shop").mkdir()
    for name in ("tasks.py", "shop/orders.py"):
        (tmp_path / name).write_text("")
    assert place_in(f'Traceback:\n  File "{path}", line 7, in send\n', tmp_path) == place


def test_the_last_frame_counts(tmp_path: Path) -> None:
    """It is the one that is closest to the fault."""
    (tmp_path / "tasks.py").write_text("")
    frames = [("tasks.py", 3), ("tasks.py", 12), ("/usr/lib/python3.13/json/decoder.py", 355)]
    log = "".join(f'  File "{name}", line {line}, in x\n' for name, line in frames)
    assert place_in(log, tmp_path) == "tasks.py:12"


def test_a_result_without_its_app_is_explained(tmp_path: Path) -> None:
    """Celery says `'DisabledBackend' object has no attribute …`, which names no cure."""
    folder = Course.discover().lab("first-task").assemble("solution", tmp_path / "lab")
    endpoint = folder / "endpoint.py"
    lines = endpoint.read_text().splitlines()
    line = next(number for number, text in enumerate(lines) if "AsyncResult(" in text)
    lines[line] = "    from celery.result import AsyncResult as R; return R(email_id).state"
    endpoint.write_text("\n".join(lines) + "\n")
    with (
        Stack(folder, "local", publish={"shop": 8000}) as stack,
        pytest.raises(Unmet) as raised,
    ):
        ask(stack, "shop", 8000, "/emails/1")
    assert "DisabledBackend" in raised.value.saw
    assert "write `app.AsyncResult(id)`" in raised.value.saw
    assert raised.value.look_at == f"endpoint.py:{line + 1}"


def test_a_host_that_nobody_has_is_explained(tmp_path: Path) -> None:
    """Celery says that it must be restarted, which does not help."""
    folder = Course.discover().lab("first-task").assemble("solution", tmp_path / "lab")
    compose = folder / "compose.yaml"
    text = compose.read_text(encoding="utf-8")
    compose.write_text(text.replace("redis://redis:6379/1", "redis://rediss:6379/1"))
    with (
        Stack(folder, "local", publish={"shop": 8000}) as stack,
        pytest.raises(Unmet) as raised,
    ):
        ask(stack, "shop", 8000, "/orders", ["a@example.com"])
    assert "must be restarted" in raised.value.saw
    assert "no Redis answers at the address of its result backend" in raised.value.saw


def test_an_error_is_quoted_when_the_log_has_gone_on(tmp_path: Path) -> None:
    """A health check, which asks all the time, writes a line of its own."""
    folder = Course.discover().lab("first-task").assemble("solution", tmp_path / "lab")
    (folder / "endpoint.py").write_text(
        "import sys\n\n\ndef place_order(addresses):\n"
        '    print("KeyError: 7", file=sys.stderr)\n'
        "    print('127.0.0.1 - - \"GET /health HTTP/1.1\" 200 -', file=sys.stderr)\n"
        "    sys.stderr.flush()\n"
        "    __import__('os')._exit(1)\n"
    )
    with (
        Stack(folder, "local", publish={"shop": 8000}) as stack,
        pytest.raises(Unmet) as raised,
    ):
        ask(stack, "shop", 8000, "/orders", ["a@example.com"])
    assert "its log ends with: KeyError: 7" in raised.value.saw
