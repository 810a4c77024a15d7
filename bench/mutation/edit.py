"""One small change of a text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """
    A part of a text, and what stands there instead.

    Attributes:
        operator: What kind of mistake it is: `drop line`, `change number`, …
        start, end: Offsets into the text, in characters.
    """

    operator: str
    start: int
    end: int
    replacement: str = ""

    def apply(self, text: str) -> str:
        """Return the text with the change made."""
        return text[: self.start] + self.replacement + text[self.end :]

    def place(self, text: str) -> str:
        """Return the line and the column where it begins, both from 1."""
        column = self.start - text.rfind("\n", 0, self.start)
        return f"{text.count(chr(10), 0, self.start) + 1}:{column}"

    def told(self, text: str) -> str:
        """Say in one line what was there and what is there now."""
        before = " ".join(text[self.start : self.end].split())
        after = " ".join(self.replacement.split())
        return f"{before} -> {after}" if after else before


def swap(text: str, first: tuple[int, int], second: tuple[int, int]) -> Edit:
    """Return the edit that exchanges two parts of a text; the first one ends before the second."""
    (a, b), (c, d) = first, second
    return Edit("swap two", a, d, text[c:d] + text[b:c] + text[a:b])


def whole_lines(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen a part of a text to whole lines, the last line break included."""
    begin = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", end)
    return begin, len(text) if stop < 0 else stop + 1


def numbers_beside(number: float) -> Iterable[float]:
    """Return other values that somebody could have written in place of a number."""
    found = [
        0,
        1,
        number + 1,
        number * 10,
        number / 2 if isinstance(number, float) else number // 2,
    ]
    return [one for one in dict.fromkeys(found) if one != number]
