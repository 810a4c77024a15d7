"""The fast part of the tests passes on any date: here it is a year later."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from taskyard.files import ROOT

TESTS = Path(__file__).parent
STARTS_LABS = (
    *("claims", "engine"),
    *("content/test_demos.py", "content/test_labs.py", "content/test_shop_of_lab_03.py"),
    *("course/test_template.py", "learner/test_earlier_desk.py"),
    *("test_year_ahead.py", "test_cli.py", "test_course_in_containers.py", "test_kills.py"),
)
"""What runs whole labs, and takes minutes: the rest is the fast part."""

SLEEPS_BY_ITSELF = "test_watching_builds_again"
"""Its watcher is written in Rust, and sleeps as `ahead/sitecustomize.py` says of Python."""

TIMEOUT_S = 1200.0


@pytest.mark.faketime
def test_the_fast_part_passes_a_year_ahead(request: pytest.FixtureRequest) -> None:
    """Files, decks and cards carry dates; none of them is compared with a day that passes."""
    if not request.config.getoption("proof"):
        pytest.skip("`make proof` runs the fast part a year ahead")
    options = ["-q", "-p", "no:cacheprovider", "-m", "not docker and not browser"]
    options += ["-k", f"not {SLEEPS_BY_ITSELF}"]
    options += [f"--ignore={TESTS / name}" for name in STARTS_LABS]
    done = subprocess.run(
        ["faketime", "-f", "+365d", sys.executable, "-m", "pytest", *options, str(TESTS)],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(TESTS / "ahead"),
            # Deadlines count on a clock that keeps running, and a new file is not dated next year
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        },
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout
