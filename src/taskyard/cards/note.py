"""The contents of a card file before they are rendered: notes and their sides."""

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
    """One block of code; `language` is empty if none is named."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Side:
    """
    The content of one label.

    Attributes:
        tokens: markdown-it's block tokens, in the order of the file.
        line: The line of the label, from 1.
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
        """Yield the inline tokens of one type, such as `code_inline`, each with its line."""
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
        id: Unique in the course and never changed; the GUID depends on it alone.
        title: The heading without `Card 1:`.
        sides: Label to side: Front and Back, or Cloze; Hint and Extra if the card has them.
        proof: What shows that the note is true, as written after `proof:`; or empty.
        source: Where it is taken from, as written after `source:`; or empty.
        pair: The id of a note that this one may resemble; or empty.
        line: The line of the heading.
        is_derived: Whether the id was made from the title, because none is written.
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
        """The side that is shown next; None for a cloze note."""
        return self.sides.get("Back")


@dataclass(frozen=True)
class CardFile:
    """
    One card file. If one of its findings is an error, parts of the file are missing here.

    Attributes:
        title: The deck's name: from the front matter, the first heading, or the file's name.
        intro: What precedes the first card; it becomes the deck's description.
        retired: Ids of retired notes, to the line that retires them.
    """

    path: Path
    title: str
    intro: Side
    notes: tuple[Note, ...]
    retired: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
