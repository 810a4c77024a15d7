"""
A card file, read from markdown-it's tokens: what looks like a heading inside code stays code.

Every fault of the file is found at once. What the grammar calls an error would be lost or changed
on its way to Anki; how a card is worded is the business of `rules`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import get_args

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from taskyard.cards import cloze, hazards
from taskyard.cards.comment import KEYS, Comment, Entry
from taskyard.cards.finding import Finding, Source
from taskyard.cards.hazards import short
from taskyard.cards.labels import blocks, bold_at_a_start, parts
from taskyard.cards.note import CardFile, Kind, Label, Note, Side
from taskyard.page import Page

PARSER = MarkdownIt("commonmark").enable("table").use(front_matter_plugin)

_MEANT = {"question": "Front", "q": "Front", "answer": "Back", "a": "Back", "text": "Cloze"}
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NUMBER = re.compile(r"^(?:card\s*#?\d+\s*[:.)–—-]?|#?\d+\s*[:.)–—-])\s*", re.IGNORECASE)
_SETTINGS = ("deck", "tags")


def read(path: Path) -> CardFile:
    """
    Read a card file; what is wrong with it is in its findings.

    Raises:
        TaskyardError: The file is not UTF-8 text.
    """
    return _Reader(path, Page.read(path).text.removeprefix("\ufeff")).read()


class _Reader:
    """One file on its way from text to notes."""

    def __init__(self, path: Path, text: str) -> None:
        self.source = Source(path, text.split("\n"))
        self.tokens = PARSER.parse(text)
        self.findings: list[Finding] = list(hazards.in_characters(self.source))
        self.title = ""
        self.deck = ""
        self.tags: tuple[str, ...] = ()
        self.intro: list[Token] = []
        self.notes: list[Note] = []
        self.retired: dict[str, int] = {}

    def read(self) -> CardFile:
        if self.source.lines[0].rstrip() == "---" and self.tokens[0].type != "front_matter":
            self._error("front-matter", "the front matter has no end", 1, "close it with `---`")
        heading: Sequence[Token] = ()
        card: list[Sequence[Token]] = []
        for block in blocks(self.tokens):
            first = block[0]
            self.findings += hazards.in_block(block, self.source)
            if first.type == "front_matter":
                self._front_matter(first)
            elif first.type == "heading_open" and first.tag == "h1":
                self._title(block)
            elif first.type == "heading_open" and first.tag == "h2":
                self._card(heading, card)
                self._is_meant(block)
                heading, card = block, []
            elif heading:
                card.append(block)
            else:
                self._introduction(block)
        self._card(heading, card)
        self._ids()
        if not self.notes and not any(one.level == "error" for one in self.findings):
            self._error("no-notes", "the file holds no note", 1, "begin one with `## Its title`")
        return CardFile(
            path=self.source.path,
            title=self.deck or self.title or self.source.path.stem,
            intro=Side(_without_rule(self.intro), 1),
            notes=tuple(self.notes),
            retired=self.retired,
            findings=tuple(sorted(self.findings, key=lambda one: (one.line, one.column))),
        )

    def _error(self, rule: str, what: str, line: int, hint: str, at: str = "") -> None:
        self.findings.append(self.source.error(rule, what, line, hint, at))

    # the file

    def _front_matter(self, token: Token) -> None:
        settings: object = None
        try:
            settings = yaml.safe_load(token.content)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            what = f"the front matter is not YAML: {getattr(error, 'problem', None) or error}"
            line = mark.line + 2 if mark else 1
            return self._error("front-matter", what, line, "correct it, or remove it")
        if not isinstance(settings, dict | None):
            what = "the front matter is no list of `key: value`"
            return self._error("front-matter", what, 1, "write `deck: My deck`, or remove it")
        for key, value in (settings or {}).items():
            line = self.source.line_with(f"{key}:", 1)
            if key == "deck":
                self.deck = str(value or "")
            elif key == "tags":
                words = value.split() if isinstance(value, str) else value
                self.tags = self._tags(words if isinstance(words, list) else [words], line)
            else:
                close = get_close_matches(str(key), _SETTINGS, n=1)
                cure = f"did you mean `{close[0]}`?" if close else "only `deck` and `tags` are"
                what = f"`{key}` is not read from the front matter"
                self.findings.append(self.source.warning("unknown-key", what, line, cure))
        return None

    def _is_meant(self, heading: Sequence[Token]) -> None:
        """A line of dashes below a text makes a heading of it, seldom on purpose."""
        if heading[0].markup in ("-", "="):
            what = f"the line below makes a heading of `{short(heading[1].content)}`"
            cure = "leave a line empty above it, or begin the heading with `#`"
            self._error("setext-heading", what, _line(heading[0]), cure)

    def _title(self, heading: Sequence[Token]) -> None:
        if self.title:
            what = f"`{short(heading[1].content)}` is a second title"
            cure = "write `##` for a card, `###` within one"
            self._error("second-title", what, _line(heading[0]), cure)
            self._is_meant(heading)
        self.title = self.title or _plain(heading[1])

    def _introduction(self, block: Sequence[Token]) -> None:
        """Take what stands above the first card."""
        entries = self._comment(block)
        for entry in entries or ():
            line = _line(block[0]) + entry.line
            if entry.key == "retired":
                self._retire(entry, line)
            else:
                what = f"`{entry.key}:` stands above the first card"
                self._error("misplaced-key", what, line, "put it below the heading of its card")
        if entries is None:
            for label, line, _ in parts(block):
                if label:
                    what = f"`**{label}:**` stands above the first card"
                    self._error("misplaced-label", what, line, "begin it with `## Its title`")
            self.intro += block

    # one card

    def _card(self, heading: Sequence[Token], card: Iterable[Sequence[Token]]) -> None:
        """Make a note of what stands between two headings."""
        if not heading:
            return
        line = _line(heading[0])
        title = _NUMBER.sub("", _plain(heading[1])).strip()
        said: dict[str, str] = {}
        sides = self._sides(card, said)
        kind = self._kind(said.get("kind", "cloze" if "Cloze" in sides else "basic"), line)
        if not self._is_complete(title, kind, sides, line):
            return
        if kind == "cloze":
            sides["Cloze"] = self._deletions(sides["Cloze"])
        for name, side in sides.items():
            if name != "Cloze":
                self._no_deletions(name, side)
        tags = self._tags(said.get("tags", "").split(), self.source.line_with("tags:", line))
        note = Note(
            id=said.get("id") or slug(title),
            title=title,
            kind=kind,
            sides=sides,
            tags=(*self.tags, *tags),
            proof=said.get("proof", ""),
            source=said.get("source", ""),
            pair=said.get("pair", ""),
            line=line,
            is_derived="id" not in said,
        )
        self.notes.append(note)

    def _sides(self, card: Iterable[Sequence[Token]], said: dict[str, str]) -> dict[Label, Side]:
        """Return what stands under each label; `said` takes what the comments say."""
        tokens: dict[Label, list[Token]] = {}
        starts: dict[Label, int] = {}
        current: Label | None = None
        for block in card:
            entries = self._comment(block)
            if entries is not None:
                self._keys(entries, _line(block[0]), said)
                continue
            for label, line, part in parts(block):
                if label and label in tokens:
                    what = f"`**{label}:**` stands twice in this card"
                    cure = "put both texts under one, or begin a new card with `##`"
                    self._error("repeated-label", what, line, cure, at=f"**{label}")
                elif label:
                    tokens[label], starts[label] = [], line
                current = label or current
                if current:
                    tokens[current] += part
                elif part and part[0].type != "hr":
                    what = "this text stands under no label"
                    cure = "put it below `**Front:**` or `**Back:**`"
                    self._error("lost-text", what, line, cure)
        return {label: Side(_without_rule(tokens[label]), starts[label]) for label in tokens}

    def _comment(self, block: Sequence[Token]) -> Sequence[Entry] | None:
        """Return what a block of comments says; None for any other block."""
        token = block[0]
        if token.type != "html_block" or not token.content.lstrip().startswith("<!--"):
            return None
        comment = Comment.of(token.content)
        if comment.is_open:
            what = "the comment has no end, so all that follows is in it"
            line = _line(token) + token.content.count("\n", 0, token.content.find(comment.rest))
            self._error("unclosed-comment", what, line, "close it with `-->`")
        elif comment.rest:
            what = f"`{short(comment.rest)}` stands beside a comment and would be lost"
            first = comment.rest.partition("\n")[0]
            line = _line(token) + token.content.count("\n", 0, token.content.find(first))
            self._error("lost-text", what, line, "put it on a line of its own", at=first)
        return comment.entries

    def _keys(self, entries: Sequence[Entry], line: int, said: dict[str, str]) -> None:
        for entry in entries:
            at, key = line + entry.line, entry.key
            if key == "retired":
                self._retire(entry, at)
            elif key not in KEYS:
                close = get_close_matches(key.lower(), KEYS, n=1)
                known = ", ".join(f"`{one}`" for one in KEYS)
                cure = f"did you mean `{close[0]}:`?" if close else f"there are {known}"
                what = f"`{key}:` is no key" if key else f"`{short(entry.value)}` has no key"
                self._error("unknown-key", what, at, cure, at=key or entry.value)
            elif not entry.value:
                self._error("empty-key", f"`{key}:` is empty", at, "fill it in, or remove it", key)
            elif key in said:
                self._error("repeated-key", f"`{key}:` stands twice", at, "remove one", at=key)
            else:
                said[key] = entry.value
                if key == "id" and not _ID.fullmatch(entry.value):
                    what = f"the id `{entry.value}` is not made of a-z, 0-9 and single hyphens"
                    cure = f"did you mean `{slug(entry.value)}`?"
                    self._error("bad-id", what, at, cure, at=entry.value)

    def _retire(self, entry: Entry, line: int) -> None:
        self.retired |= dict.fromkeys(entry.value.split(), line)

    def _kind(self, wanted: str, line: int) -> Kind:
        kinds: tuple[Kind, ...] = get_args(Kind)
        for kind in kinds:
            if kind == wanted:
                return kind
        close = get_close_matches(wanted, kinds, n=1)
        cure = f"did you mean `{close[0]}`?" if close else "there are `basic`, `both`, `cloze`"
        at = self.source.line_with("kind:", line)
        self._error("unknown-kind", f"there is no kind `{wanted}`", at, cure, at="kind:")
        return "basic"

    def _is_complete(self, title: str, kind: Kind, sides: dict[Label, Side], line: int) -> bool:
        """Say what is missing; a note without a side that Anki needs is none."""
        before = len(self.findings)
        if not title:
            self._error("no-title", "the card has no title", line, "write one after the `##`")
        needed: tuple[Label, ...] = ("Cloze",) if kind == "cloze" else ("Front", "Back")
        for name in needed:
            if name not in sides:
                what = f"the card `{short(title)}` has no `**{name}:**`"
                self._error("missing-side", what, line, _meant(name, sides))
        for name, side in sides.items():
            if name not in (*needed, "Hint", "Extra"):
                what = f"a card of the kind `{kind}` has no `**{name}:**`"
                cure = "a card has `**Front:**` and `**Back:**`, or `**Cloze:**`"
                self._error("unknown-side", what, side.line, cure, at=f"**{name}")
            elif not _says_something(side.tokens):
                what = f"`**{name}:**` is empty"
                self._error("empty-side", what, side.line, "write what it says", at=f"**{name}")
        return len(self.findings) == before

    def _deletions(self, side: Side) -> Side:
        marked, faults = cloze.mark(side)
        for fault in faults:
            self._error(fault.rule, fault.what, fault.line, fault.hint, at=fault.at)
        if not faults and not cloze.numbers(marked):
            cure = "write `{{c1::the answer}}`"
            inline = [token.content for token, _ in side.inline("code_inline")]
            if any("{{c" in text for text in (*inline, *(code.text for code in side.code))):
                cure = "inside code it is code: put it around, as in `` {{c1::`the code`}} ``"
            what = "the cloze has no deletion, so Anki would make no card of it"
            self._error("no-deletion", what, side.line, cure, at="**Cloze")
        return marked

    def _no_deletions(self, name: Label, side: Side) -> None:
        for token, line in side.inline("text"):
            if cloze.OPENING.search(token.content):
                what = f"`{{{{c` makes no deletion under `**{name}:**`"
                cure = "put the sentence under `**Cloze:**`, or the braces in backticks"
                found = self.source.warning("stray-deletion", what, line, cure, at="{{c")
                self.findings.append(found)

    def _tags(self, words: Sequence[object], line: int) -> tuple[str, ...]:
        found = []
        for word in words:
            text = str(word).removeprefix("#").rstrip(",")
            if re.search(r"[\s\"]", text) or not text:
                what = f"the tag `{word}` holds what a tag cannot"
                cure = "write it without spaces and quotation marks"
                self._error("bad-tag", what, line, cure, at=str(word))
            else:
                found.append(text)
        return tuple(found)

    # what spans cards

    def _ids(self) -> None:
        first: dict[str, int] = {}
        for note in self.notes:
            line = note.line if note.is_derived else self.source.line_with("id:", note.line)
            if note.id in first:
                what = f"the id `{note.id}` is taken by the card of line {first[note.id]}"
                cure = "give this card another id"
                if note.is_derived:
                    cure = "give this card another title, or an id: `<!-- id: another-name -->`"
                self._error("duplicate-id", what, line, cure, at=note.id)
            elif note.id in self.retired:
                what = f"the id `{note.id}` is retired, and this card has it"
                self._error("duplicate-id", what, line, "give the card another id", at=note.id)
            elif not note.id:
                what = f"no id can be made of the title `{note.title}`"
                self._error("no-id", what, line, "write one: `<!-- id: its-name -->`")
            first.setdefault(note.id, note.line)
        derived = [note for note in self.notes if note.is_derived]
        if derived:
            what = f"{len(derived)} notes have no id, and are known by their titles"
            if len(derived) == 1:
                what = "this note has no id, and is known by its title"
            cure = f"to be free to reword it, write `<!-- id: {derived[0].id} -->` below"
            self.findings.append(self.source.notice("derived-id", what, derived[0].line, cure))


def slug(text: str) -> str:
    """Return a text as an id: lower case, its words joined by hyphens."""
    return re.sub(r"[\W_]+", "-", text.lower()).strip("-")


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1


def _meant(name: Label, sides: dict[Label, Side]) -> str:
    for side in sides.values():
        for block in blocks(side.tokens):
            for text in bold_at_a_start(block):
                word = text.strip(": ").lower()
                close = get_close_matches(word.title(), (name,), n=1, cutoff=0.7)
                if close or _MEANT.get(word) == name:
                    return f"`**{text}**` is no label: write `**{name}:**`"
    return f"write `**{name}:**` at the start of a line"


def _without_rule(tokens: list[Token]) -> list[Token]:
    """Drop the rules that separate a card from the next."""
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


def _plain(inline: Token) -> str:
    said = (one.content for one in inline.children or () if one.type in ("text", "code_inline"))
    return "".join(said).strip()
