"""
A rule is a function that yields what breaks it; the rule has the function's name.

To add a rule, write such a function in a module of this package, with the decorator for what it
examines: a card, a file, or all files together. There is no list of rules to edit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TypeVar

from taskyard.cards.finding import Level
from taskyard.cards.rules.reading import Card, Reading
from taskyard.cards.rules.text import Place


@dataclass(frozen=True)
class Said:
    """
    One thing that breaks a rule.

    Attributes:
        what: What is wrong, as in `Finding`.
        place: Where it is.
        hint: The next step.
        level: Its level in the course's own cards.
    """

    what: str
    place: Place
    hint: str
    level: Level = "warning"


OfCard = Callable[[Card], Iterator[Said]]
OfFile = Callable[[Reading], Iterator[Said]]
OfAll = Callable[[Sequence[Reading]], Iterator[Said]]

RULES: dict[str, OfAll] = {}
"""The rules by their names, such as `yes-no-question`."""

LOSSES: set[str] = set()
"""The rules whose errors are errors in every file, and keep a deck from being built."""

_Find = TypeVar("_Find", bound=Callable[..., Iterator[Said]])


def of_loss(find: _Find) -> _Find:
    """
    Mark a rule about what a deck would lose or must not contain.

    The errors of other rules are matters of style, and outside the course they are warnings.
    """
    LOSSES.add(name_of(find))
    return find


def name_of(find: Callable[..., Iterator[Said]]) -> str:
    """Return the name of a rule, such as `yes-no-question`."""
    return find.__name__.replace("_", "-")


def of_all(find: OfAll) -> OfAll:
    """Register a function as a rule that examines all files together."""
    RULES[name_of(find)] = find
    return find


def of_file(find: OfFile) -> OfFile:
    """Register a function as a rule that examines one file at a time."""

    @wraps(find)
    def over_all(files: Sequence[Reading]) -> Iterator[Said]:
        for file in files:
            yield from find(file)

    of_all(over_all)
    return find


def of_card(find: OfCard) -> OfCard:
    """Register a function as a rule that examines one card at a time."""

    @wraps(find)
    def over_file(file: Reading) -> Iterator[Said]:
        for card in file.cards:
            yield from find(card)

    of_file(over_file)
    return find


def over(count: int, limit: int) -> Level | None:
    """Return the level of a count: None within the limit, and an error above twice the limit."""
    if count <= limit:
        return None
    return "error" if count > 2 * limit else "warning"
