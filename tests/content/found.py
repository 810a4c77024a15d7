"""What discovery finds, for the tests that are parametrised by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskyard.course import Course
from taskyard.errors import TaskyardError
from taskyard.files import ROOT

try:
    COURSE = Course.discover()
    FAULTS = COURSE.faults()
except TaskyardError as error:  # test_discovery.py says it once, and then nothing else is found
    COURSE, FAULTS = Course(ROOT, ()), list(error.faults)

CHAPTERS = [pytest.param(chapter, id=chapter.path.stem) for chapter in COURSE.chapters]
DECKS = [
    pytest.param(chapter, id=chapter.path.stem) for chapter in COURSE.chapters if chapter.cards
]
LABS = [pytest.param(lab, id=lab.folder.name) for lab in COURSE.labs]
VARIANTS = [
    pytest.param(lab, variant, id=f"{lab.folder.name}-{variant}")
    for lab in COURSE.labs
    for variant in lab.variants
]


def name(path: Path) -> str:
    """Return a path as it is written in the repository."""
    return path.relative_to(COURSE.root).as_posix()


_PATHS = [
    *(chapter.path for chapter in COURSE.chapters),
    *(lab.readme for lab in COURSE.labs),
    *(chapter.cards for chapter in COURSE.chapters if chapter.cards),
    *(COURSE.root / page for page in ("README.md", "CONTRIBUTING.md", "GLOSSARY.md")),
]
PAGES = [pytest.param(path, id=name(path)) for path in _PATHS if path.is_file()]
