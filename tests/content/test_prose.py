"""What the style asks of every page's text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from found import CHAPTERS, COURSE, PAGES

from taskyard.course import Chapter
from taskyard.pages.fence import check
from taskyard.pages.page import Fence, Page

FORBIDDEN = re.compile(
    r"\b(just|simply|easy|easily|obviously|of course|trivial|trivially|basically"
    r"|let['’]s|let us|we|we['’](?:re|ll|ve|d))\b",
    re.IGNORECASE,
)
NUMBERED = re.compile(r"\bmake (?:lab|check|hint|solution|reset|down)-(\d+)\b")
NOTES = re.compile(r"\b[Tt]he notes\b(?: that this course grew from\b)?")


@pytest.mark.parametrize("path", PAGES)
def test_no_forbidden_word(path: Path) -> None:
    """The text speaks to "you" and calls nothing easy."""
    found = [
        f"{path}:{prose.line}: `{word}` in: {prose.text.strip()}"
        for prose in Page.read(path).prose
        for word in FORBIDDEN.findall(prose.text)
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_notes_are_introduced(chapter: Chapter) -> None:
    """A learner who opens a chapter or a lab, or runs a demo, has not heard of them."""
    for path in (chapter.path, *([chapter.lab.readme, chapter.lab.demo] if chapter.lab else [])):
        told = NOTES.search(path.read_text(encoding="utf-8"))
        assert told is None or told[0].endswith("grew from"), f"{path}: `{told[0]}` comes first"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_todo_is_left(chapter: Chapter) -> None:
    """A TODO marks the learner's edit in a starter; elsewhere it is unfinished text."""
    pages = [chapter.path, *([chapter.cards] if chapter.cards else [])]
    code: list[Path] = []
    if chapter.lab:
        pages.append(chapter.lab.readme)
        own = {path for path in chapter.lab.folder.rglob("*") if path.suffix in (".py", ".toml")}
        code += sorted(own - set(chapter.lab.starter.rglob("*")))
    lines = [(path, prose.line, prose.text) for path in pages for prose in Page.read(path).prose]
    for path in code:
        lines += [(path, line, text) for line, text in enumerate(Page.read(path).lines, 1)]
    found = [f"{path}:{line}: {text.strip()}" for path, line, text in lines if "TODO" in text]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("path", PAGES)
def test_commands_in_the_text_exist(path: Path) -> None:
    """The word after `make` in backticks is a target, and after `python -m taskyard` a command."""
    faults = [
        str(fault)
        for code in Page.read(path).inline_code
        if code.text.startswith(("make ", "python -m taskyard"))
        for fault in check(
            Fence("console", f"$ {code.text}\n", "", code.line - 1), path, COURSE.root
        )
    ]
    assert not faults, "\n\n" + "\n\n".join(faults)


@pytest.mark.parametrize("path", PAGES)
def test_commands_name_the_right_lab(path: Path) -> None:
    """`make lab-7` is this chapter's own number, or its paragraph names the other lab's slug."""
    by_number = {chapter.number: chapter for chapter in COURSE.chapters}
    stem = path.parent.name if path.name == "README.md" else path.stem
    own = next((one.number for one in by_number.values() if one.path.stem == stem), None)
    found = []
    before = ""
    for block in Page.read(path).blocks:
        context = before + block.text
        for match in NUMBERED.finditer(block.text):
            number = int(match[1])
            line = block.line + block.text.count("\n", 0, match.start())
            chapter = by_number.get(number)
            if chapter is None:
                found.append(f"{path}:{line}: `{match[0]}`: no chapter has this number")
            elif own not in (None, number) and chapter.slug not in context:
                found.append(
                    f"{path}:{line}: `{match[0]}` is `{chapter.slug}`, and this page is number "
                    f"{own}: correct the number, or name `{chapter.slug}` in the same paragraph"
                )
        before = block.text
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("path", PAGES)
def test_the_title_has_the_right_number(path: Path) -> None:
    """A number in a title is the one in the file's name."""
    stem = path.parent.name if path.name == "README.md" else path.stem
    title = Page.read(path).headings[0].text
    number = re.match(r"\d+", title)
    if number:
        assert stem[:2] == number[0], f"{path}: the title says {number[0]}"
