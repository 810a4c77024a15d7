"""The map: the table of chapters in README.md, written from what discovery finds."""

from __future__ import annotations

from pathlib import Path

from taskyard.course import Chapter, Course
from taskyard.errors import TaskyardError
from taskyard.files import write
from taskyard.pages.page import Page

START, END = "<!-- map -->", "<!-- /map -->"


def map_table(course: Course) -> str:
    """Return a Markdown table of the chapters: number, linked title, question, lab command."""
    rows = ["| | Chapter | The question it answers | Its lab |", "|---|---|---|---|"]
    rows += [_row(course, chapter) for chapter in course.chapters]
    return "\n".join(rows) + "\n"


def with_map(course: Course) -> str:
    """
    Return the text of README.md with a current table.

    Raises:
        TaskyardError: README.md does not exist, or does not mark a place for the table.
    """
    path = course.root / "README.md"
    cure = f"write a line `{START}` and below it a line `{END}`, with an empty line before each"
    if not path.is_file():
        raise TaskyardError("there is no README.md to write the map into", path=path, hint=cure)
    page = Page.read(path)
    lines: dict[str, int] = {}
    for token in page.tokens:
        if token.type == "html_block" and token.map:
            for at, text in enumerate(token.content.splitlines(), token.map[0]):
                lines.setdefault(text.strip(), at)
    if START not in lines or END not in lines or lines[END] < lines[START]:
        what = f"there is no place for the map: `{START}` and `{END}` are not both there, in order"
        raise TaskyardError(what, path=path, hint=cure)
    before, after = page.lines[: lines[START] + 1], page.lines[lines[END] :]
    return "\n".join([*before, "", map_table(course), *after]) + "\n"


def write_map(course: Course) -> Path | None:
    """
    Write the table into README.md.

    Returns:
        The file, or None if the table was current already.

    Raises:
        TaskyardError: README.md does not exist, or does not mark a place for the table.
    """
    path = course.root / "README.md"
    text = with_map(course)
    if path.read_text(encoding="utf-8") == text:
        return None
    write(path, text.encode())
    return path


def _row(course: Course, chapter: Chapter) -> str:
    notebook = chapter.notebook.relative_to(course.root).as_posix()
    cells = [f"{chapter.number:02}", f"[{chapter.title}]({notebook})", chapter.question, ""]
    if chapter.lab:
        readme = chapter.lab.readme.relative_to(course.root).as_posix()
        cells[3] = f"[`make lab-{chapter.number}`]({readme})"
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
