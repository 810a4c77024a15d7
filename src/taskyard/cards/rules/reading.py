"""A card file as the rules read it: sides as texts, and blocks of code with their places."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markdown_it.token import Token

from taskyard.cards.note import CardFile, Label, Note
from taskyard.cards.rules.text import Place, Sheet, Text


@dataclass(frozen=True)
class Block:
    """
    One block of code.

    Attributes:
        language: Empty if none is named.
        line: The line of its first line of code.
        opening: The place of its fence; for an indented block, of its first line.
        naming: The place of its language, or of the fence if none is named.
    """

    language: str
    text: str
    line: int
    opening: Place
    naming: Place
    sheet: Sheet

    def place(self, line: int, column: int = 1) -> Place:
        """Return the place in the file of a line and column of the block, both from 1."""
        rows = self.text.rstrip("\n").split("\n")
        if line > len(rows):  # a parser may report the line after the last one
            line, column = len(rows), len(rows[-1]) + 1
        at = min(self.line + line - 1, len(self.sheet.lines))
        indent = self.sheet.lines[at - 1].find(rows[line - 1])
        return Place(self.sheet.path, at, max(indent, 0) + max(column, 1))


@dataclass(frozen=True, eq=False)
class Card:
    """
    One note as the rules read it.

    Attributes:
        end: The line after its last one.
        is_course: Whether it belongs to the course.
    """

    note: Note
    sheet: Sheet
    end: int
    is_course: bool

    @cached_property
    def texts(self) -> Mapping[Label, Text]:
        """The text of each side, by its label."""
        starts = sorted(side.line for side in self.note.sides.values())
        ends = dict(zip(starts, [*starts[1:], self.end], strict=True))
        return {
            label: Text.of(side, self.sheet, ends[side.line])
            for label, side in self.note.sides.items()
        }

    @property
    def front(self) -> Text | None:
        """The side that asks; a cloze note has none."""
        return self.texts.get("Front")

    @property
    def back(self) -> Text | None:
        """The side that answers; a cloze note has none."""
        return self.texts.get("Back")

    @property
    def cloze(self) -> Text | None:
        """The text of a cloze note."""
        return self.texts.get("Cloze")

    @property
    def question(self) -> Text:
        """The side that is shown first, for any kind of note."""
        return self.texts["Cloze" if self.note.kind == "cloze" else "Front"]

    @property
    def asked(self) -> Sequence[Text]:
        """The sides that are shown first, which are both if the note asks in both directions."""
        back = self.back if self.note.kind == "both" else None
        return (self.question, back) if back else (self.question,)

    @cached_property
    def blocks(self) -> Sequence[Block]:
        """The blocks of code of all sides."""
        return [
            _block(token, self.sheet)
            for side in self.note.sides.values()
            for token in side.tokens
            if token.type in ("fence", "code_block")
        ]

    def place_of(self, key: str, value: str) -> Place:
        """Return the place of a value in the card's comment, or of the heading if it is absent."""
        start, end = self.sheet.start(self.note.line), self.sheet.start(self.end)
        entry = re.compile(rf"\b{key}:\s*({re.escape(value)})(?![\w-])")
        found = entry.search(self.sheet.text, start, end)
        return self.sheet.place(found.start(1) if found else start)


@dataclass(frozen=True, eq=False)
class Reading:
    """
    One card file as the rules read it.

    Attributes:
        is_course: Whether it belongs to the course, and must keep all rules.
    """

    file: CardFile
    is_course: bool

    @property
    def path(self) -> Path:
        """The card file."""
        return self.file.path

    @cached_property
    def sheet(self) -> Sheet:
        """The text of the file; empty if the file has been removed since it was read."""
        text = ""
        if self.path.is_file():
            text = self.path.read_text(encoding="utf-8", errors="replace")
        return Sheet(self.path, text.removeprefix("\ufeff"))

    @cached_property
    def cards(self) -> Sequence[Card]:
        """The notes of the file, in its order."""
        notes = self.file.notes
        ends = [*(note.line for note in notes[1:]), len(self.sheet.lines) + 1]
        return [
            Card(note, self.sheet, end, self.is_course)
            for note, end in zip(notes, ends, strict=False)  # a file without notes has one end
        ]


def _block(token: Token, sheet: Sheet) -> Block:
    at = (token.map or [0])[0] + 1
    source = sheet.lines[at - 1] if at <= len(sheet.lines) else ""
    is_fence = token.type == "fence"
    language = (token.info.split() or [""])[0]
    opening = source.find(token.markup) if is_fence else len(source) - len(source.lstrip())
    naming = source.find(language, opening + len(token.markup))
    return Block(
        language=language,
        text=token.content,
        line=at + is_fence,
        opening=Place(sheet.path, at, max(opening, 0) + 1),
        naming=Place(sheet.path, at, max(naming, opening, 0) + 1),
        sheet=sheet,
    )
