"""A desk of lab 03 that was made before the local engine had a PostgreSQL goes on as it was."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from started import taskyard

from taskyard.course import Course, Lab
from taskyard.files import ROOT
from taskyard.learner.desk import Desk

EARLIER = Path(__file__).parent / "earlier-desk"
EDIT = "# a learner's own line\n"


@pytest.fixture
def lab() -> Lab:
    return Course.discover(ROOT).lab("compose-stack")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """The desk as it was laid out and used then; git keeps no `.env`."""
    folder = tmp_path / "work"
    shutil.copytree(EARLIER, folder)
    files = folder / "labs" / "compose-stack"
    (files / "dot.env").rename(files / ".env")
    return folder


def files_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def run(desk: Path, *arguments: str) -> tuple[int, str]:
    return taskyard(
        "--engine",
        "local",
        *arguments,
        env={**os.environ, "TASKYARD_WORK": str(desk), "COLUMNS": "200"},
        log=desk.parent / "output.txt",
        timeout_s=240,
    )


def test_files_that_were_edited_are_left_and_progress_is_kept(lab: Lab, desk: Path) -> None:
    """The first command on it changes nothing of the learner's."""
    compose = desk / "labs" / "compose-stack" / "compose.yaml"
    compose.write_text(EDIT + compose.read_text())
    before = files_of(desk / "labs")
    folder = Desk(Course.discover(ROOT), desk).folder(lab)
    assert compose.parent == folder
    assert before == files_of(desk / "labs")
    events = json.loads((desk / "progress.json").read_text())["labs"]["compose-stack"]
    assert {"demo": 1, "failed": 1, "hint": 1} == events


def test_files_that_nobody_edited_are_those_of_today(lab: Lab, desk: Path) -> None:
    """The shop answers when the order is in the database; health checks allow for a slow start."""
    mine = Desk(Course.discover(ROOT), desk)
    before = files_of(desk / "labs" / "compose-stack")
    after = files_of(mine.folder(lab))
    changed = sorted(name for name in after if after[name] != before.get(name))
    assert ["compose.yaml", "shop.py"] == changed
    assert "was renewed" in mine.notices(lab)[0]


@pytest.mark.slow
def test_its_lab_runs_is_checked_and_is_reset(lab: Lab, desk: Path) -> None:
    """The starter of then fails for the reason of now, and the files stay beside the new ones."""
    compose = desk / "labs" / "compose-stack" / "compose.yaml"
    compose.write_text(EDIT + compose.read_text())
    status, said = run(desk, "lab", "compose-stack")
    assert 0 == status, said
    assert "It works the second time" in said
    status, said = run(desk, "check", "compose-stack")
    assert 1 == status, said
    assert lab.expectations()["starter"].message in " ".join(said.split())
    status, said = run(desk, "reset", "compose-stack")
    assert 0 == status, said
    assert EDIT not in compose.read_text()
    kept = [path for path in (desk / "labs").glob("compose-stack*/compose.yaml") if path != compose]
    assert [True] == [EDIT in path.read_text() for path in kept]
    events = json.loads((desk / "progress.json").read_text())["labs"]["compose-stack"]
    assert (2, 2, 1) == (events["demo"], events["failed"], events["hint"])
