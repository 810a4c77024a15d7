"""Discovery finds the course; otherwise the other tests could pass by finding nothing."""

from __future__ import annotations

import pytest
from found import CHAPTERS, COURSE, FAULTS, LABS

from taskyard.course import Chapter


def test_discovery_finds_no_fault() -> None:
    """Names, numbers, labs and links hold together."""
    told = "\n\n".join(map(str, FAULTS))
    assert not FAULTS, f"\n\n{told}"


def test_there_are_chapters_and_labs() -> None:
    """An empty course would make every other content test pass."""
    assert CHAPTERS, "discovery found no chapter"
    assert LABS, "discovery found no lab"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "GLOSSARY.md"])
def test_the_repository_has_its_page(page: str) -> None:
    """The pages that are not found by a slug are there."""
    assert (COURSE.root / page).is_file()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_opens_with_its_question(chapter: Chapter) -> None:
    """A line above the first section asks; the map quotes it."""
    assert chapter.question, f"{chapter.path}: no line above the first section ends with `?`"
