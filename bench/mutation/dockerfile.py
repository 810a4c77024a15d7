"""Mistakes in a Dockerfile or a .dockerignore: lines, and the words in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from mutation.edit import Edit, numbers_beside, swap

INSTRUCTION = re.compile(r"(?m)^(?!#|\s*$)(?:.*\\\n)*.*\n?")
"""One that stands in several lines is one; comments between instructions are none."""


def edits(text: str) -> Iterator[Edit]:
    """Yield every mistake that can be made in a Dockerfile by one rule at one place."""
    found = [one.span() for one in INSTRUCTION.finditer(text) if one[0].strip()]
    for start, end in found:
        yield Edit("drop instruction", start, end)
        yield from _words(text, start, end)
    for first, second in pairwise(found):
        yield swap(text, first, second)


def _words(text: str, start: int, end: int) -> Iterator[Edit]:
    for number, word in enumerate(re.finditer(r"[^\s\\\"\[\],]+", text[start:end])):
        at = start + word.start()
        if number == 0:
            continue  # without its first word it is no instruction
        yield Edit("drop word", at, at + len(word[0]))
        if quantity := re.search(r"\d+", word[0]):
            for other in numbers_beside(int(quantity[0])):
                changed = word[0][: quantity.start()] + str(other) + word[0][quantity.end() :]
                yield Edit("change number", at, at + len(word[0]), changed)
        elif word[0] not in ("&&", "."):
            yield Edit("change name", at, at + len(word[0]), word[0] + "x")
