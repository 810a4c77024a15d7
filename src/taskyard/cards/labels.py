"""The labels of a card, such as `**Front:**`, which count only at the start of a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import get_args

from markdown_it.token import Token

from taskyard.cards.note import Label

LABELS: tuple[Label, ...] = get_args(Label)
WRITTEN = re.compile(rf"(?:\*\*|__)\s*({'|'.join(LABELS)})\s*:?\s*(?:\*\*|__)", re.IGNORECASE)
"""Matches a label in the source, to find those that Markdown does not read as bold."""

_STRONG = ["strong_open", "text", "strong_close"]
_BREAKS = ("softbreak", "hardbreak")
_BY_NAME = {label.lower(): label for label in LABELS}
_MEANT: dict[str, Label] = {
    "question": "Front",
    "q": "Front",
    "answer": "Back",
    "a": "Back",
    "text": "Cloze",
}


def blocks(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """Yield the tokens of each top-level block, such as a paragraph, a list or a fence."""
    start, depth = 0, 0
    for place, token in enumerate(tokens):
        depth += token.nesting
        if depth == 0:
            yield tokens[start : place + 1]
            start = place + 1


def parts(block: Sequence[Token]) -> Iterator[tuple[Label | None, int, Sequence[Token]]]:
    """
    Split a block at the labels in it.

    Yields:
        A label, its line, and the tokens between it and the next. The label is None for what
        precedes the first one, and for a block without labels.
    """
    line = (block[0].map or [0])[0] + 1
    if block[0].type != "paragraph_open" or not _may_label(block[1]):
        yield None, line, block
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
            has_colon = found[place + 1].content.rstrip().endswith(":")
            place += 3
            after = found[place] if place < len(found) else None
            if after and after.type == "text":  # in `**Front**:`, it begins with the colon
                rest = after.content if has_colon else after.content.removeprefix(":")
                children.append(Token("text", "", 0, content=rest.lstrip()))
                place += 1
            is_start = False
            continue
        children.append(child)
        if child.type in _BREAKS:
            line += 1
            is_start = True
        elif child.content or child.type != "text":
            is_start = False
        place += 1
    yield from _paragraph(label, start, children, block)


def _paragraph(
    label: Label | None, line: int, children: list[Token], block: Sequence[Token]
) -> Iterator[tuple[Label | None, int, Sequence[Token]]]:
    skipped = 0
    while children and _is_blank(children[0]):
        skipped += children[0].type in _BREAKS
        children = children[1:]
    while children and _is_blank(children[-1]):
        children.pop()
    if not children:
        if label:
            yield label, line, []
        return
    place = [line - 1 + skipped, (block[0].map or [0, line])[1]]
    opening = Token("paragraph_open", "p", 1, map=place, block=True)
    inline = Token("inline", "", 0, map=place, level=1, children=children, block=True)
    inline.content = block[1].content
    yield label, line, [opening, inline, block[2]]


def _is_blank(token: Token) -> bool:
    return token.type in _BREAKS or (token.type == "text" and not token.content.strip())


def _may_label(inline: Token) -> bool:
    return "**" in inline.content or "__" in inline.content


def _label(children: Sequence[Token], place: int) -> Label | None:
    """Return the label that begins here, as in `**Front:**` or `**Front**:`."""
    said = _bold(children, place)
    return _BY_NAME.get(said[:-1].strip().lower()) if said.endswith(":") else None


def _bold(children: Sequence[Token], place: int) -> str:
    """Return the bold text that begins here, with its colon; empty if there is none."""
    is_strong = [child.type for child in children[place : place + 3]] == _STRONG
    said = children[place + 1].content.strip() if is_strong else ""
    if said and not said.endswith(":") and place + 3 < len(children):
        said += children[place + 3].content[:1]
    return said


def labels_within(block: Sequence[Token]) -> Iterator[tuple[int, Label]]:
    """Yield the line and the name of labels in a list or within a line, where they do not count."""
    for place, children, at, line, is_start in _strong(block):
        name = _label(children, at)
        if name and not (is_start and place == 1 and block[0].type == "paragraph_open"):
            yield line, name


def near_labels(tokens: Sequence[Token]) -> Iterator[tuple[int, str, Label, bool]]:
    """
    Yield bold text at the start of a line that was probably meant as a label.

    Yields:
        The line, the bold text, the label that was meant, and whether it is a misspelling of the
        label rather than another word for it.
    """
    for _, children, at, line, is_start in _strong(tokens):
        said = _bold(children, at) if is_start else ""
        word, colon, _ = said.partition(":")
        word = word.strip().lower()
        if colon and word in _MEANT:
            yield line, said, _MEANT[word], False
        elif colon and not _label(children, at):
            for name in get_close_matches(word, _BY_NAME, n=1, cutoff=0.88):
                yield line, said, _BY_NAME[name], True


def _strong(block: Sequence[Token]) -> Iterator[tuple[int, Sequence[Token], int, int, bool]]:
    """
    Find every piece of bold text in a block.

    Yields:
        The index of the paragraph in the block, the paragraph's tokens, the index of the bold text
        among these, its line, and whether it begins the line.
    """
    for place, token in enumerate(block):
        if token.type != "inline" or not _may_label(token):
            continue
        line, is_start = (token.map or [0])[0] + 1, True
        children = token.children or []
        for at, child in enumerate(children):
            if child.type == "strong_open":
                yield place, children, at, line, is_start
            if child.type in _BREAKS:
                line += 1
                is_start = True
            elif child.content or child.type != "text":
                is_start = False
