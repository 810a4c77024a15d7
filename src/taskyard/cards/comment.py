"""The comment below a note's heading: its id, tags, proof and the like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

KEYS = ("id", "kind", "tags", "proof", "source", "pair", "retired")

_COMMENT = re.compile(r"\s*<!--(.*?)-->", re.DOTALL)
_BETWEEN = re.compile(r" · (?=[A-Za-z]+:)")
_ENTRY = re.compile(r"([A-Za-z]+):\s*(.*)")


@dataclass(frozen=True)
class Entry:
    """One `key: value`; the line counts from 0, in the comment's own block."""

    key: str
    value: str
    line: int


@dataclass(frozen=True)
class Comment:
    """
    One block of HTML that holds nothing but comments.

    Attributes:
        entries: Empty where the comment speaks to authors only.
        rest: What stands beside the comments.
        is_open: The last comment has no `-->`.
    """

    entries: tuple[Entry, ...]
    rest: str
    is_open: bool

    @classmethod
    def of(cls, html: str) -> Comment:
        """Read the comments of a block of HTML."""
        entries: list[Entry] = []
        at = 0
        while found := _COMMENT.match(html, at):
            entries += _entries(found[1], html.count("\n", 0, found.start(1)))
            at = found.end()
        rest = html[at:].strip()
        return cls(tuple(entries), rest, rest.startswith("<!--"))


def _entries(text: str, line: int) -> list[Entry]:
    found = []
    for at, row in enumerate(text.split("\n"), line):
        for part in _BETWEEN.split(row):
            said = part.strip(" ·\t")
            entry = _ENTRY.fullmatch(said)
            if said:
                key, value = (entry[1], entry[2]) if entry else ("", said)
                found.append(Entry(key, value, at))
    # `<!-- see: the manual -->` is a remark; one key of ours, or nearly ours, makes it an order
    return found if any(_is_meant(entry.key) for entry in found) else []


def _is_meant(key: str) -> bool:
    return key in KEYS or bool(get_close_matches(key.lower(), KEYS, n=1, cutoff=0.75))
