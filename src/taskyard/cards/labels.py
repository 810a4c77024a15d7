"""The labels of a card, such as `**Front:**`: found where a line begins, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from typing import get_args

from markdown_it.token import Token

from taskyard.cards.note import Label

LABELS: tuple[Label, ...] = get_args(Label)


def blocks(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """Yield the top-level blocks: a paragraph, a list, a fence with all of its tokens."""
    start, depth = 0, 0
    for place, token in enumerate(tokens):
        depth += token.nesting
        if depth == 0:
            yield tokens[start : place + 1]
            start = place + 1


def parts(block: Sequence[Token]) -> Iterator[tuple[Label | None, int, list[Token]]]:
    """Split a paragraph at its labels: each label, its line, and the blocks that follow it."""
    line = (block[0].map or [0])[0] + 1
    if block[0].type != "paragraph_open":
        yield None, line, list(block)
        return
    label: Label | None = None
    children: list[Token] = []
    start = line
    place, is_start = 0, True
    found = block[1].children or []
    while place < len(found):
        child = found[place]
        name = _label(found, place) if is_start else None
        if name:
            yield from _paragraph(label, start, children, block)
            label, children, start = name, [], line
            place += 3
            after = found[place] if place < len(found) else None
            if after and after.type == "text":  # the colon may stand behind the stars
                rest = copy(after)
                rest.content = after.content.removeprefix(":").lstrip()
                children.append(rest)
                place += 1
            is_start = False
            continue
        children.append(child)
        if child.type in ("softbreak", "hardbreak"):
            line += 1
            is_start = True
        elif child.content or child.type != "text":
            is_start = False
        place += 1
    yield from _paragraph(label, start, children, block)


def _paragraph(
    label: Label | None, line: int, children: list[Token], block: Sequence[Token]
) -> Iterator[tuple[Label | None, int, list[Token]]]:
    skipped = 0
    while children and _is_blank(children[0]):
        skipped += children[0].type in ("softbreak", "hardbreak")
        children = children[1:]
    while children and _is_blank(children[-1]):
        children = children[:-1]
    if not children:
        if label:
            yield label, line, []
        return
    opening, inline, closing = (copy(token) for token in block)
    inline.children = children
    inline.map = opening.map = [line - 1 + skipped, (block[0].map or [0, line])[1]]
    yield label, line, [opening, inline, closing]


def _is_blank(token: Token) -> bool:
    is_break = token.type in ("softbreak", "hardbreak")
    return is_break or (token.type == "text" and not token.content.strip())


def _label(children: Sequence[Token], place: int) -> Label | None:
    """Return the label that begins here, as in `**Front:**` or `**Front**:`."""
    if children[place].type != "strong_open" or place + 2 >= len(children):
        return None
    text, closing = children[place + 1], children[place + 2]
    if text.type != "text" or closing.type != "strong_close":
        return None
    after = children[place + 3].content if place + 3 < len(children) else ""
    said = text.content.strip()
    if not said.endswith(":") and not after.startswith(":"):
        return None
    name = said.rstrip(": ").lower()
    return next((label for label in LABELS if label.lower() == name), None)


def labels_within(block: Sequence[Token]) -> Iterator[tuple[int, Label]]:
    """Yield labels that stand where they label nothing: in a list, or in the middle of a line."""
    for place, token in enumerate(block):
        if token.type != "inline":
            continue
        is_top = block[0].type == "paragraph_open"
        line = (token.map or [0])[0] + 1
        is_start = True
        children = token.children or []
        for at, child in enumerate(children):
            name = _label(children, at)
            if name and not (is_top and is_start and place == 1):
                yield line, name
            if child.type in ("softbreak", "hardbreak"):
                line += 1
                is_start = True
            elif child.content or child.type != "text":
                is_start = False


def bold_at_a_start(block: Sequence[Token]) -> Iterator[str]:
    """Yield what is bold at the start of a line: perhaps a label under another name."""
    for token in block:
        children = token.children or []
        for at, child in enumerate(children[:-1]):
            before = [one for one in children[:at] if not _is_blank(one)]
            if child.type == "strong_open" and (not before or _is_blank(children[at - 1])):
                yield children[at + 1].content
