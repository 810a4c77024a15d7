"""The committed notebooks, without running them: strict nbval does that."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from found import CHAPTERS, COURSE

from taskyard.course import Chapter
from taskyard.notebook.build import is_current
from taskyard.notebook.chapter import convert

MEASURING_CELLS_MAX = 2

each_chapter = pytest.mark.parametrize("chapter", CHAPTERS)


@each_chapter
def test_a_notebook_is_what_its_chapter_converts_to_with_every_cell_run(chapter: Chapter) -> None:
    """Cells, ids, metadata and counts; `make notebooks` renews them."""
    assert is_current(chapter.path, chapter.notebook), "build it: make notebooks"


@each_chapter
def test_converting_a_chapter_twice_gives_the_same_notebook(chapter: Chapter) -> None:
    """Ids follow from the source."""
    assert convert(chapter.path) == convert(chapter.path)


@each_chapter
def test_few_cells_measure_and_each_says_why(chapter: Chapter) -> None:
    """A cell that measures is compared with nothing, so it must be rare and have a reason."""
    measuring = [cell for cell in cells(chapter.notebook) if "nbval-ignore-output" in tags(cell)]
    assert len(measuring) <= MEASURING_CELLS_MAX
    assert [cell["source"] for cell in measuring if not cell["metadata"].get("why")] == []


@each_chapter
def test_a_notebook_closes_the_lab_that_it_opened_last(chapter: Chapter) -> None:
    """Otherwise its stack and the supervisor stay until the kernel ends."""
    code = [cell["source"] for cell in cells(chapter.notebook) if cell["cell_type"] == "code"]
    source = "\n".join("".join(lines) for lines in code)
    opened = [found.start() for found in re.finditer(r"\bopen_(?:lab|files|stack)\(", source)]
    assert not opened or re.search(r"^\w+\.close\(\)$", source[opened[-1] :], re.MULTILINE)


def test_every_notebook_has_a_chapter_and_every_chapter_a_notebook() -> None:
    """No notebook outlives its chapter, and no chapter lacks one."""
    built = {path.stem for path in (COURSE.root / "notebooks").glob("*.ipynb")}
    assert built == {chapter.path.stem for chapter in COURSE.chapters}


def cells(notebook: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(notebook.read_bytes())["cells"]
    return found


def tags(cell: dict[str, Any]) -> list[str]:
    found: list[str] = cell["metadata"].get("tags", [])
    return found
