"""
Read a card file from markdown-it's tokens, so that what looks like a heading in code stays code.

One pass finds all faults of the file. The grammar reports everything that would be lost or changed
on the way to Anki; `rules` are about how a card is written.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from markdown_it.token import Token

from taskyard.cards import hazards, settings
from taskyard.cards.card import Card, check_id, plain, without_rule
from taskyard.cards.comment import Entry, entries, is_comment
from taskyard.cards.finding import Source, short
from taskyard.cards.labels import blocks, parts
from taskyard.cards.note import CardFile, Note, Side
from taskyard.cards.settings import Settings
from taskyard.errors import TaskyardError
from taskyard.pages.page import Page
from taskyard.pages.parser import PARSER


def read(path: Path) -> CardFile:
    """
    Read a card file; what is wrong with it is in `findings`.

    Raises:
        TaskyardError: The file cannot be read, or is not UTF-8 text.
    """
    try:
        text = Page.read(path).text
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise TaskyardError(f"the card file cannot be read: {reason}", path=path) from error
    with _uncollected():
        return _Reader(path, text.removeprefix("\ufeff")).read()


@contextmanager
def _uncollected() -> Iterator[None]:
    """Pause the garbage collector, which would examine every token and find no garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Reader:
    """Turns the text of one file into notes."""

    def __init__(self, path: Path, text: str) -> None:
        self.source = Source(path, text.split("\n"))
        env: dict[str, Any] = {}
        self.tokens = PARSER.parse(text, env)
        hazards.in_characters(self.source)
        hazards.in_addresses(env, self.tokens, self.source)
        self.title = ""
        self.settings = Settings()
        self.intro: list[Token] = []
        self.cards: list[Card] = []
        self.retired: dict[str, int] = {}

    def read(self) -> CardFile:
        self._front_matter()
        for block in blocks(self.tokens):
            self._unlined(block)
            hazards.in_block(block, self.source)
            if block[0].type == "heading_open" and block[0].tag == "h1":
                self._title(block)
            elif block[0].type == "heading_open" and block[0].tag == "h2":
                self.cards.append(Card(block, self.source))
            elif self.cards:
                self.cards[-1].take(block)
            elif block[0].type != "front_matter":
                self._introduction(block)
        notes = [note for card in self.cards if (note := card.note(self.settings.tags))]
        for entry in (one for card in self.cards for one in card.retired):
            self._retire(entry)
        self._ids()
        self._derived([note for note in notes if note.is_derived])
        findings = self.source.findings
        if not notes and not any(one.level == "error" for one in findings):
            cure = "begin one with `## Its title`"
            self.source.error("no-notes", "the file holds no note", 1, cure)
        return CardFile(
            path=self.source.path,
            title=self.settings.deck or self.title or self.source.path.stem,
            intro=Side(without_rule(self.intro), 1),
            notes=tuple(notes),
            retired=self.retired,
            findings=tuple(sorted(dict.fromkeys(findings), key=lambda one: (one.line, one.column))),
        )

    def _front_matter(self) -> None:
        first = self.source.lines[0]
        if self.tokens and self.tokens[0].type == "front_matter":
            if first.strip("- \t"):
                what = f"`{short(first.lstrip('- '))}` is beside the `---` and would be lost"
                self.source.error("front-matter", what, 1, "write it in the next line")
            self.settings = settings.read(self.tokens[0].content, self.source)
        elif first.rstrip() == "---":
            what = "the front matter has no end"
            self.source.error("front-matter", what, 1, "close it with `---`, or remove this line")

    def _unlined(self, block: Sequence[Token]) -> None:
        """Keep text above a line of dashes as text, although Markdown makes it a heading."""
        heading = block[0]
        is_title = heading.tag == "h1" and not self.title and not self.cards
        if heading.type == "heading_open" and heading.markup in ("-", "=") and not is_title:
            rows = block[1].content.split("\n")
            what = f"the line below makes a heading of `{short(rows[-1])}`"
            cure = "leave a line empty above that line, or begin the heading with `#`"
            self.source.error("setext-heading", what, _line(block) + len(rows) - 1, cure)
            heading.type, heading.tag = "paragraph_open", "p"
            block[2].type, block[2].tag = "paragraph_close", "p"

    def _title(self, heading: Sequence[Token]) -> None:
        if self.title or self.cards:
            where = "inside a card" if self.cards else "below another"
            what = f"the title `{short(plain(heading[1]))}` is {where} and would be lost"
            cure = "write `##` for a card, `###` within one, or a fence around code"
            self.source.error("second-title", what, _line(heading), cure)
        self.title = self.title or plain(heading[1])

    def _introduction(self, block: Sequence[Token]) -> None:
        """Add a block above the first card to the introduction."""
        if not is_comment(block[0]):
            for label, line, _ in parts(block):
                if label:
                    what = f"`**{label}:**` is above the first card"
                    cure = "begin the card with `## Its title`"
                    self.source.error("misplaced-label", what, line, cure)
            for image, line in Side(block, _line(block)).inline("image"):
                what = "Anki imports no image in a deck's description"
                cure = "put it on a card"
                self.source.error("lost-image", what, line, cure, str(image.attrs["src"]))
            self.intro += block
            return
        for entry in entries(block[0].content, _line(block), self.source):
            if entry.key == "retired":
                self._retire(entry)
            else:
                what = f"`{entry.key}:` is above the first card"
                cure = "put it below the heading of its card"
                self.source.error("misplaced-key", what, entry.line, cure, entry.said)

    def _retire(self, entry: Entry) -> None:
        for id in settings.split(entry.value):
            if check_id(id, entry, self.source):
                self.retired.setdefault(id, entry.line)

    def _ids(self) -> None:
        """Report duplicate ids, even of cards that are not notes because of another error."""
        first: dict[str, int] = {}
        for card in self.cards:
            line, column = card.id_place
            if card.title and not card.id:
                what = f"no id can be made from the title `{short(card.title)}`"
                cure = "write one: `<!-- id: its-name -->`"
                self.source.error("no-id", what, line, cure, column)
            elif card.id in first:
                what = f"the id `{short(card.id)}` is taken by the card in line {first[card.id]}"
                cure = "give this card another: `<!-- id: another-name -->`"
                self.source.error("duplicate-id", what, line, cure, column)
            elif card.id in self.retired:
                what = f"the id `{short(card.id)}` is retired in line {self.retired[card.id]}"
                cure = "give this card another: `<!-- id: another-name -->`"
                self.source.error("duplicate-id", what, line, cure, column)
            if card.id:
                first[card.id] = first.get(card.id, card.line)

    def _derived(self, notes: Sequence[Note]) -> None:
        if notes:
            what = f"{len(notes)} notes have no id, and are known by their titles"
            if len(notes) == 1:
                what = "this note has no id, and is known by its title"
            cure = f"to be free to reword it, write `<!-- id: {notes[0].id} -->` below"
            self.source.notice("derived-id", what, notes[0].line, cure)


def _line(block: Sequence[Token]) -> int:
    return (block[0].map or [0])[0] + 1
