"""The check of lab 04 names the line of a cache that breaks the shop's connections."""

from __future__ import annotations

from pathlib import Path

import pytest
from found import COURSE

from taskyard.engine import Choice
from taskyard.learner.check import run

FIRST = "            key = key_of(args, kwargs)\n"
WRONG = '            store.execute_command("REMEMBER")\n'


def test_an_error_of_redis_is_looked_for_in_the_line_that_asked_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no error of Python's own, and the last frame of its traceback is a library's."""
    monkeypatch.setattr("taskyard.learner.check.slowness", lambda: 1.0)  # nothing here is timed
    lab = COURSE.lab("redis-cache")
    folder = lab.assemble("solution", tmp_path / "lab")
    cache = folder / "cache.py"
    text = cache.read_text(encoding="utf-8").replace(FIRST, WRONG + FIRST)
    cache.write_text(text, encoding="utf-8")
    choice = Choice("local", "the test asks for it")
    verdict = run(lab.check, folder, choice, "check-test", lambda one: None)[0]
    assert "unknown command" in verdict.saw
    assert f"cache.py:{text.splitlines().index(WRONG.rstrip()) + 1}" == verdict.look_at
