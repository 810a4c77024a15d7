"""The text of a side, with the position of each character in the file."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from markdown_it.token import Token

from taskyard.cards.note import Side

CODE = "\ue000"
"""Stands for each character of code, so that code is not taken for English words."""

_LABEL = re.compile(r"\s*[*_]{2}\w+\s*:?\s*[*_]{2}:?")
_ABBREVIATIONS = "".join(rf"(?<!\b{one})" for one in (r"e\.g", r"i\.e", "etc", "vs", "cf"))
_END = re.compile(rf"{_ABBREVIATIONS}[.?!]+(?=[\s\"”’')\]]|$)|\n")


@dataclass(frozen=True)
class Place:
    """A position in a file; lines and columns count from 1."""

    path: Path
    line: int
    column: int


class Sheet:
    """The text of a file, which turns an offset into a line and a column."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        self._starts = list(accumulate((len(line) + 1 for line in self.lines), initial=0))

    def start(self, line: int) -> int:
        """Return the offset of the start of a line, or the end of the text after the last line."""
        return self._starts[min(max(line, 1), len(self._starts)) - 1]

    def place(self, offset: int) -> Place:
        """Return the line and column of a character."""
        line = min(bisect_right(self._starts, offset), len(self.lines))
        return Place(self.path, line, offset - self._starts[line - 1] + 1)


@dataclass
class Deletion:
    """A deletion of a cloze note, which hides `said[start:end]` of its text."""

    number: int
    start: int
    end: int
    hint: str = ""


@dataclass
class Text:
    """
    The text of a side outside its blocks of code.

    Attributes:
        said: The text, including code; each paragraph ends with a newline.
        bare: The same text with `CODE` for each character of code.
        images: The tokens of the images, each with its place.
    """

    sheet: Sheet
    said: str = ""
    bare: str = ""
    deletions: list[Deletion] = field(default_factory=list)
    images: list[tuple[Token, Place]] = field(default_factory=list)
    _offsets: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, side: Side, sheet: Sheet, end: int) -> Text:
        """Read a side; its source ends before the line `end`."""
        return _Reading(side, sheet, end).text

    def place(self, offset: int = 0) -> Place:
        """Return the place in the file of a character of `said`."""
        return self.sheet.place(self._offsets[min(offset, len(self._offsets) - 1)])

    @property
    def words(self) -> Sequence[str]:
        """The words, including those in code."""
        return re.findall(r"\S*\w\S*", self.said)

    @cached_property
    def sentences(self) -> Sequence[tuple[int, int]]:
        """The start and end of each sentence; the end is after the full stop."""
        found = []
        start = 0
        for end in (*(one.end() for one in _END.finditer(self.bare)), len(self.bare)):
            begun = (
                start + len(self.bare[start:end]) - len(self.bare[start:end].lstrip("\"”’') \n"))
            )
            if begun < end:
                found.append((begun, end))
            start = end
        return found

    def runs(self) -> Iterator[tuple[int, str, bool]]:
        """Yield the runs of text and code: their offset, their text, and whether they are code."""
        for found in re.finditer(f"{CODE}+|[^{CODE}]+", self.bare):
            yield found.start(), self.said[found.start() : found.end()], found[0][0] == CODE


class _Reading:
    """Finds each token in the source, skipping the marks that Markdown drops between them."""

    def __init__(self, side: Side, sheet: Sheet, end: int) -> None:
        self.text = Text(sheet)
        self.at = sheet.start(side.line)
        self.until = self.end = sheet.start(end)
        self.deletion: Deletion | None = None
        self.is_hint = False
        self.said: list[str] = []
        self.bare: list[str] = []
        if label := _LABEL.match(sheet.text, self.at):
            self.at = label.end()
        for token in side.tokens:
            if token.type == "inline":
                if token.map:
                    self.at = max(self.at, sheet.start(token.map[0] + 1))
                    self.until = min(self.end, sheet.start(token.map[1] + 1))
                for child in token.children or ():
                    self._take(child)
                self._add("\n")
        self.text._offsets.append(self.at)
        self.text.said, self.text.bare = "".join(self.said), "".join(self.bare)

    def _take(self, child: Token) -> None:
        if child.type in ("text", "code_inline"):
            is_code = child.type == "code_inline"
            if self.is_hint and self.deletion:
                self._pass(child.content)
                self.deletion.hint += child.content
            else:
                self._add(child.content, is_code)
        elif child.type in ("softbreak", "hardbreak", "html_inline"):
            self._pass("\n" if child.type != "html_inline" else child.content)
            self._add(" ")
        elif child.type == "image":
            self._pass("![")
            self.text.images.append((child, self.text.sheet.place(self.at - 2)))
            self._pass("](")
            self._pass(")")
        elif child.type == "link_close":
            if self._pass("](", within=4):
                self._pass(")")
        elif child.type == "cloze_open":
            self._pass("{{c")
            self._pass("::")
            here = len(self.text._offsets)
            self.deletion = Deletion(child.meta["number"], here, here)
            self.text.deletions.append(self.deletion)
            self.is_hint = False
        elif child.type == "cloze_hint":
            self._pass("::")
            self._close()
            self.is_hint = True
        elif child.type == "cloze_close":
            self._pass("}}")
            if not self.is_hint:
                self._close()
            self.deletion, self.is_hint = None, False

    def _close(self) -> None:
        if self.deletion:
            self.deletion.end = len(self.text._offsets)

    def _pass(self, mark: str, within: int | None = None) -> bool:
        """Move past a mark in the source, if it is there."""
        until = self.until if within is None else min(self.until, self.at + within)
        found = self.text.sheet.text.find(mark, self.at, until)
        if found >= 0:
            self.at = found + len(mark)
        return found >= 0

    def _add(self, content: str, is_code: bool = False) -> None:
        if not content.strip() or self._pass(content):
            places: Sequence[int] = range(self.at - len(content), self.at)
            self.text._offsets += places if content.strip() else [self.at] * len(content)
        elif len(pieces := re.findall(r"\S+|\s+", content)) > 1:  # one of them is escaped
            for piece in pieces:
                self._add(piece, is_code)
            return
        else:
            self.text._offsets += [self.at] * len(content)
        self.said.append(content)
        self.bare.append(CODE * len(content) if is_code else content)
