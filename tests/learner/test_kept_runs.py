"""A run that was left running is found, even if nothing is left of its folder."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import psutil
import pytest
from processes import left_under

from taskyard.course import Course, Lab
from taskyard.engine import Choice
from taskyard.engine.holder import SUPERVISOR
from taskyard.engine.remains import PROJECT_LABEL
from taskyard.errors import TaskyardError
from taskyard.kit.console import Show
from taskyard.kit.stack import project_prefix, temporary_folder
from taskyard.learner.runner import Runner

COMPOSE = """
services:
  redis:
    image: redis:8-alpine
    volumes: [shelf:/data]
volumes: {shelf: }
"""

Loss = Literal["the note", "the folder", "the supervisor", "a reboot"]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Path]:
    """The folder of a lab that shows nothing; what is kept of it goes with the test."""
    (tmp_path / "demo.py").write_text("def demo(stack, show):\n    pass\n")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "compose.yaml").write_text(COMPOSE)
    yield tmp_path
    command(tmp_path).down()


def command(lab: Path) -> Runner:
    """Make a new runner, as each command does."""
    return Runner(Course(lab, ()), Lab(2, "image-layers", lab), Show(), lab / "files")


def lose(prefix: str, loss: Loss) -> str:
    """Remove what shows that the one run under a prefix exists; return the run's name."""
    (state,) = temporary_folder().glob(f"{prefix}*")
    if loss in ("the supervisor", "a reboot"):
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                _, *command = process.cmdline() or [""]
                if command[:-1] == SUPERVISOR and state.name in command[-1]:
                    process.kill()
    if loss == "a reboot":
        ours = f"label={PROJECT_LABEL}={state.name}"
        listed = subprocess.run(
            ["docker", "ps", "-q", "--filter", ours], capture_output=True, text=True
        )
        subprocess.run(["docker", "stop", "-t", "0", *listed.stdout.split()], capture_output=True)
    if loss in ("the note", "the supervisor"):
        (state / "run.json").unlink()
    else:
        shutil.rmtree(state)
    return state.name


@pytest.mark.parametrize(
    ("engine", "loss", "seen"),
    [
        ("local", "the note", "redis-1: running"),
        ("local", "the folder", "It cannot be asked: "),
        ("local", "the supervisor", "It cannot be asked: "),
        pytest.param("docker", "the note", "redis-1: Up", marks=pytest.mark.docker),
        pytest.param("docker", "the folder", "redis-1: Up", marks=pytest.mark.docker),
        pytest.param("docker", "a reboot", "redis-1: Exited", marks=pytest.mark.docker),
    ],
)
def test_a_kept_run_is_found_without_its_note(
    lab: Path, engine: str, loss: Loss, seen: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make ps-N` shows it, the next lab says that it is there, and `make down-N` removes it."""
    choice = Choice(engine, "you asked for it")
    prefix = project_prefix(command(lab).label)
    command(lab).demo(choice, keep=True)
    name = lose(prefix, loss)
    capsys.readouterr()
    command(lab).ps()
    told = capsys.readouterr().out
    assert f"{name} ({engine} engine)" in told
    assert seen in told
    command(lab).demo(choice, keep=False)
    told = " ".join(capsys.readouterr().out.split())
    assert f"note: `{name}` is still there; this removes it: make down-2" in told
    command(lab).down()
    assert f"removing {name}" in capsys.readouterr().out
    assert [] == left_under(prefix)
    with pytest.raises(TaskyardError, match="nothing of this lab is running"):
        command(lab).ps()
