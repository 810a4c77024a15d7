"""Edits of a small project, and what each of them takes, foretold from its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskyard.topics.compose_stack.changes import CHANGES, Change, foretell, lay_out

EACH = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.what)


@EACH
def test_a_change_edits_its_one_file(tmp_path: Path, change: Change) -> None:
    """The text that it replaces is there; otherwise `nothing` would be foretold for any edit."""
    folder = lay_out(tmp_path)
    before = {path.name: path.read_text() for path in folder.iterdir()}
    change.apply(folder)
    edited = {path.name for path in folder.iterdir() if path.read_text() != before[path.name]}
    assert {change.file} == edited


def test_the_changes_take_all_that_there_is_to_take(tmp_path: Path) -> None:
    """A test on Docker (in `tests/claims/`) compares the same answers with what it measures."""
    expected = {
        "a comment in compose.yaml": "nothing",
        "a line of .env that nothing uses": "nothing",
        "a new service beside it": "nothing",
        "a line of .env that ${…} uses": "recreate",
        "a line of the env_file": "recreate",
        "a value under environment": "recreate",
        "the health check": "recreate",
        "a file that is mounted": "restart",
        "a file that is copied into the image": "rebuild",
        "ENV in the Dockerfile": "rebuild",
    }
    told = {one.what: foretell(one, lay_out(tmp_path / str(at))) for at, one in enumerate(CHANGES)}
    assert expected == told


@EACH
def test_the_answer_does_not_depend_on_the_edits_before(tmp_path: Path, change: Change) -> None:
    """The chapter makes them one after the other in one folder."""
    alone = foretell(change, lay_out(tmp_path / "alone"))
    folder = lay_out(tmp_path / "after")
    for other in CHANGES:
        if other != change:
            other.apply(folder)
    assert alone == foretell(change, folder)


def test_the_variables_of_whoever_asks_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compose would prefer them to `.env`; the chapter is about the files."""
    monkeypatch.setenv("GREETING", "good morning")
    (change,) = [one for one in CHANGES if "${…}" in one.what]
    assert "recreate" == foretell(change, lay_out(tmp_path))
