"""The proofs of the course's cards: notebook cells, requirements, claim tests, and sources."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from taskyard.cards.finding import Finding, Source
from taskyard.cards.note import CardFile, Note
from taskyard.course import Chapter, Course
from taskyard.errors import TaskyardError
from taskyard.pages.page import Page

DEFINITIONS = 1 / 5
"""The largest share of a deck's notes that may rest on a source alone."""

_QUOTED = re.compile(r'(cell|lab)(?: ([a-z0-9-]+))? "(.+)"')
_CLAIM = re.compile(r"claim (test_\w+)")
_SITES = (
    "docs.celeryq.dev",
    "docs.docker.com",
    "docs.python.org",
    "fastapi.tiangolo.com",
    "redis.io",
    "valkey.io",
)
_FORMS = 'write `cell "a line of its code"`, `lab "a requirement"` or `claim test_name`'


class Proofs:
    """Resolves the proofs of the course's cards."""

    def __init__(self, course: Course) -> None:
        self.course = course

    def examine(self, chapter: Chapter, file: CardFile) -> Iterator[Finding]:
        """Report notes without a proof, proofs that do not resolve, and too many definitions."""
        source = Source(file.path, Page.read(file.path).text.split("\n"))
        for note in file.notes:
            if note.is_derived:
                what = f"the card `{note.title}` has no id"
                cure = f"write `<!-- id: {note.id} -->` below, once and for all"
                yield source.error("no-id", what, note.line, cure)
            line = source.line_with("proof:" if note.proof else "source:", note.line)
            for what, cure in self._wrong(chapter, note):
                yield source.error("proof", what, line, cure, note.proof or note.source)
        defined = [note for note in file.notes if not note.proof]
        if len(defined) > len(file.notes) * DEFINITIONS:
            what = f"{len(defined)} of {len(file.notes)} notes have no proof but a source"
            cure = "prove some of them by a cell, a requirement or a claim test"
            yield source.error("definitions", what, defined[0].line, cure)

    def unused_claims(self, files: Sequence[CardFile]) -> list[str]:
        """Return the claim tests that no card uses."""
        named = {note.proof.removeprefix("claim ") for file in files for note in file.notes}
        return sorted(self._claims.keys() - named)

    def _wrong(self, chapter: Chapter, note: Note) -> Iterator[tuple[str, str]]:
        if note.source and not note.source.startswith("https://"):
            yield f"the source `{note.source}` is not an address", "write one with `https://`"
        if not note.proof:
            host = note.source.partition("//")[2].partition("/")[0]
            if not note.source:
                yield f"the card `{note.title}` has no proof", _FORMS
            elif host not in _SITES:
                yield f"`{host}` is not an official source", f"take one of {', '.join(_SITES)}"
        elif found := _QUOTED.fullmatch(note.proof):
            yield from self._quoted(found[1], found[2], found[3], chapter)
        elif found := _CLAIM.fullmatch(note.proof):
            count = self._claims[found[1]]
            if count != 1:
                close = get_close_matches(found[1], self._claims, n=1)
                cure = f"did you mean `{close[0]}`?" if close and not count else "name one test"
                yield f"{count or 'no'} tests below tests/claims/ are named `{found[1]}`", cure
        else:
            yield f"`{note.proof}` names no proof", _FORMS

    def _quoted(
        self, kind: str, slug: str | None, text: str, chapter: Chapter
    ) -> Iterator[tuple[str, str]]:
        if slug:
            try:
                chapter = self.course.chapter(slug)
            except TaskyardError as error:
                yield str(error.faults[0].what), error.faults[0].hint
                return
        known = _cells(chapter.notebook) if kind == "cell" else _requirements(chapter)
        if known[text] == 1:
            return
        where = f"the notebook of `{chapter.slug}`" if kind == "cell" else f"lab `{chapter.slug}`"
        close = get_close_matches(text, known, n=1)
        cure = f"did you mean `{close[0]}`?" if close else f"open {where} and name a line of it"
        if known[text]:
            cure = "name a line that only one cell has"
        what = "compared cell" if kind == "cell" else "requirement"
        yield f"{known[text] or 'no'} {what} of {where} has the line `{text}`", cure

    @cached_property
    def _claims(self) -> Counter[str]:
        names: Counter[str] = Counter()
        for path in sorted((self.course.root / "tests" / "claims").glob("test_*.py")):
            for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    names[node.name] += 1
        return names


def kind_of(proof: str) -> str:
    """Return the kind of a proof, in words."""
    words = {"cell": "notebook cell", "lab": "lab requirement", "claim": "claim test"}
    return words.get(proof.partition(" ")[0], "source")


def _cells(notebook: Path) -> Counter[str]:
    """Count the cells that contain each line of code, of those whose output a test compares."""
    if not notebook.is_file():
        return Counter()
    lines: Counter[str] = Counter()
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        ignored = "nbval-ignore-output" in cell["metadata"].get("tags", ())
        if cell["cell_type"] == "code" and cell["outputs"] and not ignored:
            lines.update({line.strip() for line in "".join(cell["source"]).splitlines()})
    return lines


def _requirements(chapter: Chapter) -> Counter[str]:
    return Counter(Page.read(chapter.lab.readme).items("Done when") if chapter.lab else ())
