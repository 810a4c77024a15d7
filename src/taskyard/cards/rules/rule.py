"""
A rule is a function that yields what breaks it; the function's name is the rule's name.

To add a rule, write such a function in a module of this package, with the decorator that says what
it examines: a card, a file, or all files together. There is no list of rules to edit.
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
        level: In the course's own cards.
    """

    what: str
    place: Place
    hint: str
    level: Level = "warning"


OfCard = Callable[[Card], Iterator[Said]]
OfFile = Callable[[Reading], Iterator[Said]]
OfAll = Callable[[Sequence[Reading]], Iterator[Said]]

RULES: dict[str, OfAll] = {}
"""Every rule by its name, as in `yes-no-question`."""

LOSSES: set[str] = set()
"""The rules whose errors are errors in any file: no deck is built of what breaks one of them."""

_Find = TypeVar("_Find", bound=Callable[..., Iterator[Said]])


def of_loss(find: _Find) -> _Find:
    """
    Mark a rule that finds what a deck would lose, or must not contain.

    An error of any other rule is a matter of style, and a warning outside the course.
    """
    LOSSES.add(name_of(find))
    return find


def name_of(find: Callable[..., Iterator[Said]]) -> str:
    """Return a rule's name."""
    return find.__name__.replace("_", "-")


def of_all(find: OfAll) -> OfAll:
    """Make a function that examines all files together a rule."""
    RULES[name_of(find)] = find
    return find


def of_file(find: OfFile) -> OfFile:
    """Make a function that examines one file a rule."""

    @wraps(find)
    def over_all(files: Sequence[Reading]) -> Iterator[Said]:
        for file in files:
            yield from find(file)

    of_all(over_all)
    return find


def of_card(find: OfCard) -> OfCard:
    """Make a function that examines one card a rule."""

    @wraps(find)
    def over_file(file: Reading) -> Iterator[Said]:
        for card in file.cards:
            yield from find(card)

    of_file(over_file)
    return find


def over(count: int, limit: int) -> Level | None:
    """Return the level for a count above a limit; more than twice the limit is an error."""
    if count <= limit:
        return None
    return "error" if count > 2 * limit else "warning"
