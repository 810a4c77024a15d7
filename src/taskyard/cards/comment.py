"""The comments of a card file: a note's id, tags, proof and so on, or remarks to authors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from markdown_it.token import Token

from taskyard.cards.finding import Source, short

KEYS = ("id", "kind", "tags", "proof", "source", "pair", "retired")

_COMMENT = re.compile(r"\s*<!--(?:-?>|(.*?)-->)", re.DOTALL)
_BETWEEN = re.compile(r"\s*[·•]\s*(?=[A-Za-z]+\s*:)")
_ENTRY = re.compile(r"([A-Za-z]+)\s*:\s*(.*)")
_WORD = re.compile(r"[A-Za-z]+(?=\s*[:=])")


@dataclass(frozen=True)
class Entry:
    """
    One `key: value` in a comment.

    Attributes:
        key: Empty if the text has no key.
        said: The whole entry, as it is written.
        line: Its line, from 1.
    """

    key: str
    value: str
    said: str
    line: int

    def value_at(self, source: Source) -> int:
        """Return the column of the value, from 1."""
        return source.column(self.line, self.said) + len(self.said) - len(self.value)


def is_comment(token: Token) -> bool:
    """Tell whether a block begins with a comment."""
    return token.type == "html_block" and token.content.lstrip().startswith("<!--")


def entries(html: str, line: int, source: Source) -> list[Entry]:
    """
    Return the entries in the comments of a piece of HTML; a remark to authors has none.

    Args:
        line: The line of the file in which the HTML begins.
        source: Receives an error for text outside the comments, and for each wrong entry.
    """
    found: list[Entry] = []
    at = 0
    while comment := _COMMENT.match(html, at):
        text = comment[1] or ""
        start = line + html.count("\n", 0, comment.end() - len(text) - len("-->"))
        within = text.find("<!--")
        if within >= 0:
            what = f"a comment begins inside the one of line {start}, which has no end"
            at_line = start + text.count("\n", 0, within)
            source.error("unclosed-comment", what, at_line, "close the first with `-->`", "<!--")
        else:
            found += _entries(text, start)
        at = comment.end()
    rest = html[at:].strip()
    if rest:
        start = line + html.count("\n", 0, html.index(rest, at))
        if rest.startswith("<!--"):
            what = "the comment has no end, so what follows is in it"
            source.error("unclosed-comment", what, start, "close it with `-->`", "<!--")
        else:
            what = f"`{short(rest)}` is beside a comment and would be lost"
            first = rest.partition("\n")[0]
            source.error("lost-text", what, start, "put it on a line of its own", first)
    return [entry for entry in found if _makes_sense(entry, source)]


def _entries(text: str, line: int) -> list[Entry]:
    rows = enumerate(text.split("\n"), line)
    parts = [(part.strip(" ·•\t"), at) for at, row in rows for part in _BETWEEN.split(row)]
    # `<!-- see: the manual -->` is a remark. One known key, or a close one, makes all parts entries
    return list(_read(parts)) if any(_is_meant(said) for said, _ in parts) else []


def _read(parts: list[tuple[str, int]]) -> Iterator[Entry]:
    for said, line in parts:
        entry = _ENTRY.fullmatch(said)
        if said:
            yield Entry(entry[1] if entry else "", entry[2] if entry else said, said, line)


def _is_meant(said: str) -> bool:
    found = _WORD.match(said)
    word = found[0] if found else ""
    return word in KEYS or bool(get_close_matches(word.lower(), KEYS, n=1, cutoff=0.75))


def _makes_sense(entry: Entry, source: Source) -> bool:
    if entry.key not in KEYS:
        close = get_close_matches(entry.key.lower(), KEYS, n=1)
        known = ", ".join(f"`{one}:`" for one in KEYS)
        cure = f"did you mean `{close[0]}:`?" if close else f"there are {known}"
        what = f"`{entry.key}:` is not a key" if entry.key else f"`{short(entry.said)}` has no key"
        source.error("unknown-key", what, entry.line, cure, entry.said)
    elif not entry.value:
        what = f"`{entry.key}:` is empty"
        source.error("empty-key", what, entry.line, "fill it in, or remove it", entry.said)
    else:
        return True
    return False
