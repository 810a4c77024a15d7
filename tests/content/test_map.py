"""The map in README.md is what discovery finds."""

from __future__ import annotations

from found import COURSE

from taskyard.course.chapter_map import with_map


def test_the_map_is_current() -> None:
    """`make map` would change nothing."""
    text = (COURSE.root / "README.md").read_text(encoding="utf-8")
    assert text == with_map(COURSE), "the map in README.md is out of date: run `make map`"
