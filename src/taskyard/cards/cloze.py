"""The deletions of a cloze note, which are found in text and never in code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it.token import Token

from taskyard.cards.finding import Source
from taskyard.cards.note import Side

OPENING = re.compile(r"\{\{c([0-9]{1,9})::")
_ALMOST = re.compile(r"\{{1,2}\s*[cC](?:[\d,\s]*::|\d[\d,\s]*:)")
_MARKS = re.compile(rf"(\{{\{{c[0-9]{{1,9}}::|{_ALMOST.pattern}|\}}\}}|::)")
_MOST = 500
"""The highest number that Anki's editor gives; a number such as 70,000 makes an import fail."""


def mark(side: Side, source: Source) -> None:
    """Replace the marks in a side by tokens `cloze_open`, `cloze_hint` and `cloze_close`."""
    for token in side.tokens:
        if token.type == "inline" and ("{" in token.content or "}" in token.content):
            token.children = list(_Marker(token, source).marked())


def numbers(side: Side) -> list[int]:
    """Return the sorted numbers of the deletions of a marked side, without repeats."""
    return sorted({token.meta["number"] for token, _ in side.inline("cloze_open")})


@dataclass
class _Deletion:
    """
    A deletion that is still open.

    Attributes:
        mark: Its opening, such as `{{c1::`.
        depth: The number of emphases, links and tags around it.
        has_mark: Whether the `::` before its hint has been read.
    """

    mark: str
    line: int
    depth: int
    has_answer: bool = False
    has_mark: bool = False
    has_hint: bool = False

    def take(self) -> None:
        """Record content, which belongs to the answer or, after the `::`, to the hint."""
        self.has_answer |= not self.has_mark
        self.has_hint |= self.has_mark


class _Marker:
    """Marks one paragraph; a deletion must end in the paragraph in which it begins."""

    def __init__(self, inline: Token, source: Source) -> None:
        self.written = inline.content
        self.children = inline.children or []
        self.line = (inline.map or [0])[0] + 1
        self.source = source
        self.depth = 0
        self.opened: _Deletion | None = None
        self.ignored = 0  # openings that are not deletions, and whose `}}` must not end one

    def marked(self) -> Iterator[Token]:
        """Yield the tokens of the paragraph, with tokens in place of its marks."""
        for child in self.children:
            if child.type == "text":
                for piece in _MARKS.split(child.content):
                    yield from self._piece(piece)
                continue
            self.depth += _nesting(child)
            if self.opened and child.type in ("code_inline", "image"):
                self.opened.take()
            if self.opened and self.depth < self.opened.depth:
                self._crossing(self.opened)
            self.line += child.type in ("softbreak", "hardbreak")
            yield child
        if self.opened:
            what = f"the deletion `{self.opened.mark}` has no end in its paragraph"
            self._error("open-deletion", what, "close it with `}}`", self.opened)

    def _piece(self, piece: str) -> Iterator[Token]:
        opening = OPENING.fullmatch(piece)
        if opening and piece not in self.written:  # written with backslashes, or as an entity
            self.ignored += 1
            yield _text(piece)
        elif opening and self.opened:
            what = f"`{piece}` begins inside the deletion `{self.opened.mark}`"
            cure = "close the first with `}}` before it"
            self.source.error("nested-deletion", what, self.line, cure, piece)
            self.ignored += 1
        elif opening:
            if not 1 <= int(opening[1]) <= _MOST:
                what = f"Anki counts deletions from 1 to {_MOST}, so `{piece}` is not one"
                self.source.error("cloze-number", what, self.line, "write `{{c1::`", piece)
            self.opened = _Deletion(piece, self.line, self.depth)
            yield Token("cloze_open", "", 0, meta={"number": int(opening[1])})
        elif _ALMOST.fullmatch(piece):
            what = f"`{piece}` does not begin a deletion"
            cure = "write `{{c1::`, or put what is code into backticks"
            self.source.error("broken-deletion", what, self.line, cure, piece)
            self.ignored += piece.startswith("{{")
        elif piece == "}}" and self.ignored:
            self.ignored -= 1
            yield _text(piece)
        elif piece == "}}":
            yield from self._closed()
        elif piece == "::" and self.opened and not self.opened.has_mark:
            self.opened.has_mark = True
            yield Token("cloze_hint", "", 0)
        elif piece:
            if self.opened and piece.strip():
                self.opened.take()
            yield _text(piece)

    def _closed(self) -> Iterator[Token]:
        if self.opened is None:
            what = "`}}` does not close a deletion"
            cure = "put braces that belong to the text into backticks"
            self.source.error("stray-braces", what, self.line, cure, "}}")
            return
        if not self.opened.has_answer:
            what = f"the deletion `{self.opened.mark}` hides nothing"
            self._error("empty-deletion", what, "write the answer in it", self.opened)
        elif self.opened.has_mark and not self.opened.has_hint:
            what = f"the hint of the deletion `{self.opened.mark}` is empty"
            cure = "write one after the `::`; a `::` in the answer goes in backticks"
            self._error("empty-hint", what, cure, self.opened)
        if self.depth > self.opened.depth:
            self._crossing(self.opened)
        self.opened = None
        yield Token("cloze_close", "", 0)

    def _crossing(self, deletion: _Deletion) -> None:
        what = f"the deletion `{deletion.mark}` crosses the edge of emphasis, a link or a tag"
        cure = "put both of its marks inside, or both outside"
        self._error("crossing-deletion", what, cure, deletion)
        deletion.depth = self.depth

    def _error(self, rule: str, what: str, cure: str, deletion: _Deletion) -> None:
        self.source.error(rule, what, deletion.line, cure, deletion.mark)


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _nesting(token: Token) -> int:
    """Return 1 for a token that opens something, -1 for one that closes, also for HTML tags."""
    if token.type != "html_inline" or token.content.startswith(("<!", "<br", "<BR")):
        return token.nesting
    return -1 if token.content.startswith("</") else 1
