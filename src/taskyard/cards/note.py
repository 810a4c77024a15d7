"""What a card file holds, before it is rendered: notes and their sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from markdown_it.token import Token

from taskyard.cards.finding import Finding

Kind = Literal["basic", "both", "cloze"]
Label = Literal["Front", "Back", "Cloze", "Hint", "Extra"]


@dataclass(frozen=True)
class Code:
    """One fenced block; `language` is empty where none is named."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Side:
    """
    What stands under one label, as block tokens.

    Attributes:
        tokens: markdown-it's, in the order of the file.
        line: Of the label, counted from 1.
    """

    tokens: Sequence[Token]
    line: int

    @cached_property
    def code(self) -> tuple[Code, ...]:
        """The blocks of code, fenced or indented."""
        return tuple(
            Code((token.info.split() or [""])[0], token.content, (token.map or [0])[0] + 1)
            for token in self.tokens
            if token.type in ("fence", "code_block")
        )

    def inline(self, kind: str) -> Iterator[tuple[Token, int]]:
        """Yield the inline tokens of one type (`code_inline`, `link_open`, …) with their line."""
        for token in self.tokens:
            line = (token.map or [self.line - 1])[0] + 1
            for child in token.children or ():
                if child.type == kind:
                    yield child, line
                line += child.type in ("softbreak", "hardbreak")


@dataclass(frozen=True)
class Note:
    """
    One note.

    Attributes:
        id: Unique in the course, written once; the GUID comes from it alone.
        title: The heading without `Card 1:`.
        sides: By label: Front and Back, or Cloze; Hint and Extra if there are any.
        proof: What shows that the note is true, as written after `proof:`; or empty.
        source: What it is taken from, as written after `source:`; or empty.
        pair: The id of a note that this one may resemble; or empty.
        line: Of the heading.
        is_derived: The id was taken from the title, because none is written.
    """

    id: str
    title: str
    kind: Kind
    sides: Mapping[Label, Side]
    tags: tuple[str, ...]
    proof: str
    source: str
    pair: str
    line: int
    is_derived: bool = False

    @property
    def question(self) -> Side:
        """The side that is shown first."""
        return self.sides["Cloze" if self.kind == "cloze" else "Front"]

    @property
    def answer(self) -> Side | None:
        """The side that is shown next; a cloze note has none of its own."""
        return self.sides.get("Back")


@dataclass(frozen=True)
class CardFile:
    """
    One card file; if a finding is an error, parts of the file are missing here.

    Attributes:
        title: The first heading, or the file's name.
        intro: What stands between the title and the first card; the deck's description.
        retired: Ids of notes that were taken out, with the line that says so.
    """

    path: Path
    title: str
    intro: Side
    notes: tuple[Note, ...]
    retired: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
