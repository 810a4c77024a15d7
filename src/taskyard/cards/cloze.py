"""The deletions of a cloze note: found in text, never in code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace

from markdown_it.token import Token

from taskyard.cards.note import Side

OPENING = re.compile(r"\{\{c(\d+)::")
_MARKS = re.compile(r"(\{\{c\d+::|\}\}|::)")


@dataclass(frozen=True)
class Fault:
    """What keeps a deletion from being one; `at` is the text to look for in the line."""

    rule: str
    what: str
    line: int
    hint: str
    at: str


def mark(side: Side) -> tuple[Side, list[Fault]]:
    """Return the side with tokens `cloze_open`, `cloze_hint` and `cloze_close`, and the faults."""
    faults: list[Fault] = []
    tokens = []
    for token in side.tokens:
        if token.type == "inline":
            token = copy(token)
            token.children = list(_marked(token, faults))
        tokens.append(token)
    return replace(side, tokens=tokens), faults


def numbers(side: Side) -> list[int]:
    """Return the numbers of the deletions of a marked side, each once, sorted."""
    return sorted({token.meta["number"] for token, _ in side.inline("cloze_open")})


def _marked(inline: Token, faults: list[Fault]) -> Iterator[Token]:
    line = (inline.map or [0])[0] + 1
    opened: tuple[str, int] | None = None  # the mark that is open, and its line
    has_hint = is_empty = False

    def fault(rule: str, what: str, hint: str, at: str, where: int) -> None:
        faults.append(Fault(rule, what, where, hint, at))

    for child in inline.children or ():
        if child.type != "text":
            line += child.type in ("softbreak", "hardbreak")
            is_empty = is_empty and child.type not in ("code_inline", "image")
            yield child
            continue
        for piece in _MARKS.split(child.content):
            found = OPENING.fullmatch(piece)
            if found and opened:
                what = f"`{piece}` begins inside the deletion `{opened[0]}`"
                fault("nested-cloze", what, "close the first with `}}` before", piece, line)
            elif found:
                if int(found[1]) == 0:
                    what = "Anki counts deletions from 1, so `{{c0::` is none"
                    fault("cloze-number", what, "write `{{c1::`", piece, line)
                opened, has_hint, is_empty = (piece, line), False, True
                yield Token("cloze_open", "", 0, meta={"number": int(found[1])})
            elif piece == "}}" and opened:
                if is_empty:
                    what = f"the deletion `{opened[0]}` hides nothing"
                    fault("empty-deletion", what, "write the answer in it", opened[0], opened[1])
                opened = None
                yield Token("cloze_close", "", 0)
            elif piece == "::" and opened and not has_hint:
                has_hint = True
                yield Token("cloze_hint", "", 0)
            elif piece:
                is_empty = is_empty and not (piece.strip() and not has_hint)
                text = copy(child)
                text.content = piece
                yield text
    if opened:
        what = f"the deletion `{opened[0]}` has no end in its paragraph"
        fault("open-deletion", what, "close it with `}}`", *opened)
