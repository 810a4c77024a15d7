"""Errors: what a mistake prints, and how a command ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskyard.errors import Fault, OutputLost, TaskyardError, Told


def test_a_fault_is_what_where_and_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path is relative to where the reader is, so that a terminal opens it on a click."""
    monkeypatch.chdir(tmp_path)
    fault = Fault("`redis` is missing", tmp_path / "labs" / "compose.yaml", 14, "add it")
    expected = "error: `redis` is missing\n  --> labs/compose.yaml:14\n\nhint: add it"
    assert expected == str(fault)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("all wrong"), "error: all wrong"),
        (Fault("no line", Path("/x/y")), "error: no line\n  --> /x/y"),
        (Fault("a line of nothing", line=3), "error: a line of nothing"),
        (Fault("a cure", hint="make doctor"), "error: a cure\n\nhint: make doctor"),
    ],
)
def test_a_fault_prints_no_part_that_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, expected: str
) -> None:
    """A path outside the working directory stays whole."""
    monkeypatch.chdir(tmp_path)
    assert expected == str(fault)


def test_all_faults_of_a_file_are_one_error() -> None:
    """They are printed in their order, with an empty line between two."""
    faults = [Fault("one", Path("/x"), 1, "a"), Fault("two")]
    error = TaskyardError.of(iter(faults))
    assert tuple(faults) == error.faults
    assert "error: one\n  --> /x:1\n\nhint: a\n\nerror: two" == str(error)


def test_an_error_has_at_least_one_fault() -> None:
    """An error that says nothing is a bug of the caller."""
    with pytest.raises(ValueError, match="not enough values"):
        TaskyardError.of([])


def test_a_command_that_ends_is_caught_by_no_handler_of_mistakes() -> None:
    """`except Exception` in a lab stops neither a verdict nor the loss of the output."""
    assert not issubclass(Told, Exception)
    assert not issubclass(OutputLost, Exception)
    assert 3 == Told(3).code
