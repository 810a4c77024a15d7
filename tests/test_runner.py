"""What a lab may ask of its runner, on a lab of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskyard.console import Show
from taskyard.course import Course, Lab
from taskyard.engine import Choice
from taskyard.lab import Runner

DEMO = """
NEEDS_DOCKER = "an image is built."

def without_docker(folder, show):
    show.say(f"planned for {folder.name}")

def demo(stack, show):
    raise AssertionError("never reached")
"""


@pytest.mark.parametrize("command", ["demo", "check"])
def test_a_lab_that_needs_docker_shows_what_it_can_and_has_its_own_status(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a pass nor a failure of the learner: status 3, after what can be shown."""
    (tmp_path / "demo.py").write_text(DEMO)
    (tmp_path / "files").mkdir()
    lab = Lab(2, "image-layers", tmp_path)
    runner = Runner(Course(tmp_path, ()), lab, Show(), tmp_path / "files")
    choice = Choice("local", "no Docker engine answers")
    with pytest.raises(SystemExit) as stopped:
        runner.demo(choice, keep=False) if command == "demo" else runner.check(choice)
    assert stopped.value.code == 3
    told = capsys.readouterr().out
    assert "This lab needs Docker: an image is built." in told
    assert "planned for files" in told
