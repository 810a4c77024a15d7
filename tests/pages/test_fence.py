"""Fenced blocks: what is accepted in each language, and what is said about the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_course import write

from taskyard.files import ROOT
from taskyard.pages.fence import check, how
from taskyard.pages.page import Page

GOOD = {
    "python": "%%module shop\nawait send()\n",
    "console": (
        "$ make lab-1\n$ ENGINE=docker make check-1\n$ make new name=work-queues\noutput, 'open\n"
        "$ docker compose logs worker 2>&1 | grep -c 'ready.' && echo yes  # a comment\n"
        "$ A=1 B=2 sudo celery -A tasks \\\n>   worker > log.txt\n$ .venv/bin/python x.py; cd ..\n"
    ),
    "yaml": "services:\n  redis: &r\n    image: redis:8-alpine\n  other: *r\n",
    "dockerfile": (
        "# syntax=docker/dockerfile:1\nFROM python:3.13 AS base\n\nRUN pip install \\\n"
        "    celery\nRUN <<EOF\nnot an instruction\nEOF\nCOPY . .\n"
    ),
    "toml": "[a]\nb = 1\n",
    "json": '{"a": [1, null]}\n',
    "diff": "@@ -1 +1 @@\n-a\n+b\n c\n\n",
    "mermaid": "%% drawn by hand\nsequenceDiagram\n  A->>B: hi\n",
    "markdown": "# Title\n\n```python\nx = 1\n```\n",
    "text": "anything {\n",
}

BAD = [
    ("python", "x = (\n", "this is not Python", 1),
    ("python", "a = 1\nb = = 2\n", "this is not Python: invalid syntax", 2),
    ("console", "make lab-1\n", "no line begins with `$ `", 1),
    ("console", "$ make lab-1\n$ echo 'open\n", "is not a command: ", 2),
    ("console", "$ make lab-1\n$ make labs-1\n", "`make labs-1` does not exist", 2),
    ("console", "$ true; ls | frobnicate -x\n", "`frobnicate` is not a program", 1),
    ("console", "$ python -m taskyard frobnicate 1\n", "is not understood", 1),
    ("yaml", "a: 1\nb: [\n", "this is not YAML", 3),
    ("yaml", "services:\n  a:\n    image: redis\n    frobnicate: 1\n", "frobnicate", 4),
    ("dockerfile", "FROM a\nRUNN x\n", "`RUNN` is not an instruction", 2),
    ("toml", "[a]\nb\n", "this is not TOML", 2),
    ("json", '{"a": 1\n,}\n', "this is not JSON", 2),
    ("diff", "+a\nb\n", "a line of a diff", 2),
    ("mermaid", "flow LR\n", "`flow` is not a kind", 1),
    ("markdown", "# T\n\n```yaml\na: [\n```\n", "this is not YAML", 5),
]


def faults(tmp_path: Path, text: str) -> list[tuple[str, int | None]]:
    """Check every block of a page."""
    page = Page.read(write(tmp_path / "page.md", text))
    found = [fault for fence in page.fences for fault in check(fence, page.path, ROOT)]
    assert all(fault.hint and fault.path == page.path for fault in found)
    return [(fault.what, fault.line) for fault in found]


@pytest.mark.parametrize("language", GOOD)
def test_a_good_block_has_no_fault(tmp_path: Path, language: str) -> None:
    """Each language has one example of what it may hold."""
    assert faults(tmp_path, f"````{language}\n{GOOD[language]}````\n") == []


@pytest.mark.parametrize(("language", "text", "what", "line"), BAD)
def test_a_bad_block_is_a_fault_with_its_line(
    tmp_path: Path, language: str, text: str, what: str, line: int
) -> None:
    """The line is that of the page, whose text begins in line 3."""
    ((said, at),) = faults(tmp_path, f"Text.\n\n````{language}\n{text}````\n")
    assert what in said
    assert at == line + 3


def test_a_block_needs_a_known_language(tmp_path: Path) -> None:
    """Untagged, indented and unknown blocks are refused: nothing would check them."""
    text = "```\nx\n```\n\n    indented\n\n```cobol\nx\n```\n"
    assert faults(tmp_path, text) == [
        ("this block of code names no language", 1),
        ("this block of code names no language", 5),
        ("nothing can check a block of `cobol`", 7),
    ]


def test_every_language_says_how_it_is_checked(tmp_path: Path) -> None:
    """The content tests carry it in their names."""
    page = Page(tmp_path / "page.md", "```yaml\na: 1\n```\n\n```cobol\n```\n")
    assert [how(fence) for fence in page.fences] == ["parsed, Compose read", "unknown"]
