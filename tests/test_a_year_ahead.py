"""The fast part of the tests passes on any date: here it is a year later."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from taskyard.files import ROOT

FAST = (
    *("cards", "topics", "test_rooms.py"),
    *("content/test_cards.py", "content/test_notebooks.py", "content/test_variants.py"),
    *("compose/test_compose_reader.py", "course/test_course.py", "kit/test_timeline.py"),
    "notebook/test_notebook_conversion.py",
)
"""What starts no server, and waits for no program: under `faketime` a wait fails by itself."""

WAITS = "watching or another_python"

TIMEOUT_S = 1200.0


def test_the_fast_part_passes_a_year_ahead(request: pytest.FixtureRequest) -> None:
    """Files, decks and cards carry dates; none of them is compared with a day that passes."""
    if not request.config.getoption("proof"):
        pytest.skip("`make proof` runs the fast part a year ahead")
    faketime = shutil.which("faketime")
    if faketime is None:
        pytest.skip("there is no `faketime` on PATH")
    tests = [str(ROOT / "tests" / name) for name in FAST]
    options = ["-q", "-p", "no:cacheprovider", "-m", "not docker and not browser"]
    options += ["-k", f"not ({WAITS})"]
    done = subprocess.run(
        [faketime, "-f", "+365d", sys.executable, "-m", "pytest", *options, *tests],
        cwd=ROOT,
        # Deadlines count on a clock that goes on
        env={**os.environ, "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout
