"""One card between tokens and note: the entries of its comments, and the blocks of its labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import get_args
from unicodedata import combining, normalize

from markdown_it.token import Token

from taskyard.cards import cloze, settings
from taskyard.cards.comment import Entry, entries, is_comment
from taskyard.cards.finding import Source, short
from taskyard.cards.labels import near_labels, parts
from taskyard.cards.note import Kind, Label, Note, Side

_NUMBER = re.compile(
    r"^(?:card\s*#?\d+(?:\s*[:.)–—-]\s*|\s+|$)|#?\d+\s*[:.)–—-](?:\s+|$))", re.IGNORECASE
)
_KINDS: tuple[Kind, ...] = get_args(Kind)


class Card:
    """
    A card: a second-level heading, and the blocks up to the next one.

    Attributes:
        line: The line of its heading.
        title: The heading without `Card 1:`.
        retired: The entries in its comments that name retired notes.
    """

    def __init__(self, heading: Sequence[Token], source: Source) -> None:
        self.source = source
        self.line = (heading[0].map or [0])[0] + 1
        self.title = _NUMBER.sub("", plain(heading[1])).strip()
        self.retired: list[Entry] = []
        self._said: dict[str, Entry] = {}
        self._label: Label | None = None
        self._lost: list[Token] = []
        self._tokens: dict[Label, list[Token]] = {}
        self._starts: dict[Label, int] = {}

    @property
    def id(self) -> str:
        """The id that is written, or one made from the title."""
        return self._value("id") or slug(self.title)

    @property
    def id_place(self) -> tuple[int, int]:
        """The line and column of the id, or of the heading if no id is written."""
        entry = self._said.get("id")
        return (entry.line, entry.value_at(self.source)) if entry else (self.line, 1)

    def take(self, block: Sequence[Token]) -> None:
        """Add the next block below the heading."""
        token = block[0]
        if is_comment(token):
            for entry in entries(token.content, (token.map or [0])[0] + 1, self.source):
                self._order(entry)
            return
        for label, line, tokens in parts(block):
            if label and label in self._tokens:
                what = f"`**{label}:**` occurs twice in this card"
                cure = "put both texts under one, or begin a new card with `##`"
                self.source.error("repeated-label", what, line, cure)
            elif label:
                self._tokens[label], self._starts[label] = [], line
            self._label = label or self._label
            if self._label:
                self._tokens[self._label] += tokens
            elif tokens and tokens[0].type != "hr":
                if not self._lost:
                    what = "this text is under no label"
                    cure = "put it below `**Front:**` or `**Back:**`"
                    self.source.error("lost-text", what, line, cure)
                self._lost += tokens

    def note(self, tags: tuple[str, ...]) -> Note | None:
        """
        Return the card as a note, or None if a part is missing.

        Args:
            tags: The tags of the whole file.
        """
        tokens = {label: without_rule(found) for label, found in self._tokens.items()}
        sides = {label: Side(found, self._starts[label]) for label, found in tokens.items()}
        kind = self._kind("cloze" if "Cloze" in sides else "basic")
        if not self._is_complete(kind, sides):
            return None
        for label, side in sides.items():
            if label == "Cloze":
                self._deletions(side)
            else:
                self._no_deletions(label, side)
            for line, said, meant, is_slip in near_labels(side.tokens):
                if is_slip:
                    what = f"`**{said}**` is not a label, and is shown as it is"
                    cure = f"did you mean `**{meant}:**`?"
                    self.source.warning("near-label", what, line, cure, f"**{said[:-1]}")
        entry = self._said.get("tags")
        own = settings.split(entry.value) if entry else ()
        return Note(
            id=self.id,
            title=self.title,
            kind=kind,
            sides=sides,
            tags=(*tags, *settings.tags(own, entry.line if entry else 1, self.source)),
            proof=self._value("proof"),
            source=self._value("source"),
            pair=self._value("pair"),
            line=self.line,
            is_derived="id" not in self._said,
        )

    def _value(self, key: str) -> str:
        return self._said[key].value if key in self._said else ""

    def _order(self, entry: Entry) -> None:
        if entry.key == "retired":
            self.retired.append(entry)
        elif entry.key in self._said:
            what = f"`{entry.key}:` occurs twice in this card"
            self.source.error("repeated-key", what, entry.line, "remove one", entry.said)
        else:
            self._said[entry.key] = entry
            if entry.key == "id":
                check_id(entry.value, entry, self.source)

    def _kind(self, usual: Kind) -> Kind:
        entry = self._said.get("kind")
        for kind in _KINDS:
            if entry and kind == entry.value:
                return kind
        if entry:
            close = get_close_matches(entry.value, _KINDS, n=1)
            cure = f"did you mean `{close[0]}`?" if close else "there are `basic`, `both`, `cloze`"
            what = f"there is no kind `{short(entry.value)}`"
            self.source.error("unknown-kind", what, entry.line, cure, entry.value_at(self.source))
        return usual

    def _is_complete(self, kind: Kind, sides: dict[Label, Side]) -> bool:
        """Tell whether the card has all the parts of a note; report those that are missing."""
        before = len(self.source.findings)
        if not self.title:
            cure = "write one after the `##`"
            self.source.error("no-title", "the card has no title", self.line, cure)
        needed: tuple[Label, ...] = ("Cloze",) if kind == "cloze" else ("Front", "Back")
        for label in needed:
            if label not in sides:
                what = f"the card `{short(self.title)}` has no `**{label}:**`"
                self.source.error("missing-side", what, self.line, self._meant(label))
        for label, side in sides.items():
            if label not in (*needed, "Hint", "Extra"):
                what = f"a card of the kind `{kind}` has no `**{label}:**`"
                cure = "a card has `**Front:**` and `**Back:**`, or `**Cloze:**`"
                self.source.error("unknown-side", what, side.line, cure)
            elif not _says_something(side.tokens):
                what = f"`**{label}:**` is empty"
                self.source.error("empty-side", what, side.line, "write what it says")
        return len(self.source.findings) == before

    def _meant(self, missing: Label) -> str:
        for tokens in (self._lost, *self._tokens.values()):
            for line, said, meant, _ in near_labels(tokens):
                if meant == missing:
                    return f"`**{said}**` in line {line} is not a label: write `**{missing}:**`"
        return f"write `**{missing}:**` at the start of a line"

    def _deletions(self, side: Side) -> None:
        before = len(self.source.findings)
        cloze.mark(side, self.source)
        if len(self.source.findings) == before and not cloze.numbers(side):
            cure = "write `{{c1::the answer}}`"
            inline = [token.content for token, _ in side.inline("code_inline")]
            if any("{{c" in text for text in (*inline, *(code.text for code in side.code))):
                cure = "inside code it is code: put it around, as in `` {{c1::`the code`}} ``"
            what = "the cloze has no deletion, so Anki would make no card of it"
            self.source.error("no-deletion", what, side.line, cure)

    def _no_deletions(self, label: Label, side: Side) -> None:
        for token, line in side.inline("text"):
            if cloze.OPENING.search(token.content):
                what = f"`{{{{c` makes no deletion under `**{label}:**`"
                cure = "put the sentence under `**Cloze:**`, or the braces in backticks"
                self.source.warning("stray-deletion", what, line, cure, "{{c")


def check_id(id: str, entry: Entry, source: Source) -> bool:
    """Tell whether an id is well formed; report an error if it is not."""
    good = slug(id)
    if id != good:
        what = f"the id `{short(id)}` is not made of lower-case letters, digits and single hyphens"
        cure = f"did you mean `{good}`?" if good else "write one such as `its-name`"
        source.error("bad-id", what, entry.line, cure, id)
    return id == good


def slug(text: str) -> str:
    """Turn a text into an id: lower case without accents, with hyphens between its words."""
    plain = normalize("NFKD", normalize("NFKD", text).casefold())
    bare = "".join(one for one in plain if not combining(one))
    return normalize("NFC", re.sub(r"[\W_]+", "-", bare).strip("-"))


def plain(inline: Token) -> str:
    """Return the text of a heading without markup."""
    said = ""
    for child in inline.children or ():
        if child.type in ("text", "code_inline", "image"):
            said += child.content
        elif child.type in ("softbreak", "hardbreak"):
            said += " "
    return said.strip()


def without_rule(tokens: list[Token]) -> list[Token]:
    """Drop the horizontal rules that separate a card from the next one."""
    while tokens and tokens[-1].type == "hr":
        tokens = tokens[:-1]
    return tokens


def _says_something(tokens: Sequence[Token]) -> bool:
    for token in tokens:
        if token.type in ("fence", "code_block") and token.content.strip():
            return True
        for child in token.children or ():
            if child.type in ("code_inline", "image"):
                return True
            if child.type == "text" and child.content.strip():
                return True
    return False
