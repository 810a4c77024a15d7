"""Waiting ends: with what was waited for, or with words about what was there instead."""

from __future__ import annotations

import pytest

from taskyard.deadline import until


def test_the_answer_comes_back() -> None:
    """The first true answer ends the wait and is returned."""
    numbers = iter([0, 0, 7, 8])
    assert 7 == until(lambda: next(numbers), "a number")


def test_a_deadline_says_what_was_waited_for() -> None:
    """A wait that ends without its answer names both what was wanted and what was seen."""
    with pytest.raises(TimeoutError, match=r"^waited 0 s for a worker; saw 2 messages$"):
        until(lambda: None, "a worker", timeout_s=0, saw=lambda: "2 messages")


def test_a_late_look_counts() -> None:
    """What is there when the deadline has passed during a look is still found."""
    assert "there" == until(lambda: "there", "nothing", timeout_s=-1)
