"""What a lab may ask of its runner, on a lab of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskyard.course import Course, Lab
from taskyard.engine import Choice
from taskyard.kit.console import Show
from taskyard.learner.runner import Runner

DEMO = """
NEEDS_DOCKER = "an image is built."

def without_docker(folder, show):
    show.say(f"planned for {folder.name}")

def demo(stack, show):
    raise AssertionError("never reached")
"""


OWN = """
STARTS_ITSELF = True

def demo(stack, show):
    show.say(f"before: {len(stack.ps())}")
    stack.up()
    show.say(f"after: {len(stack.ps())}")
"""


def runner_of(folder: Path, demo: str, compose: str = "") -> Runner:
    """Lay out a lab with this demo and this Compose file."""
    (folder / "demo.py").write_text(demo)
    (folder / "files").mkdir()
    (folder / "files" / "compose.yaml").write_text(compose)
    lab = Lab(2, "image-layers", folder)
    return Runner(Course(folder, ()), lab, Show(), folder / "files")


def test_a_check_without_docker_may_show_something_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a demo shows without Docker may take longer than a check should."""
    demo = f"{DEMO}\n\ndef check_without_docker(folder, show):\n    show.say('read')\n"
    runner = runner_of(tmp_path, demo)
    with pytest.raises(SystemExit):
        runner.check(Choice("local", "no Docker engine answers"))
    told = capsys.readouterr().out
    assert "read" in told
    assert "planned" not in told


def test_a_demo_about_the_start_starts_the_stack_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing runs when such a demo begins, and nothing when it has ended."""
    runner = runner_of(tmp_path, OWN, "services: {api: {image: i, command: sleep 600}}")
    runner.demo(Choice("local", "you asked for it"), keep=False)
    told = capsys.readouterr().out
    assert "before: 0" in told
    assert "after: 1" in told


@pytest.mark.parametrize("command", ["demo", "check"])
def test_a_lab_that_needs_docker_shows_what_it_can_and_has_its_own_status(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a pass nor a failure of the learner: status 3, after what can be shown."""
    runner = runner_of(tmp_path, DEMO)
    choice = Choice("local", "no Docker engine answers")
    with pytest.raises(SystemExit) as stopped:
        runner.demo(choice, keep=False) if command == "demo" else runner.check(choice)
    assert stopped.value.code == 3
    told = capsys.readouterr().out
    assert "This lab needs Docker: an image is built." in told
    assert "planned for files" in told
