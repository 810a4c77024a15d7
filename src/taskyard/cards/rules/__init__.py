"""Rules about how a card is written, in addition to the grammar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from pkgutil import iter_modules

from taskyard.cards.finding import Finding
from taskyard.cards.note import CardFile
from taskyard.cards.rules.reading import Reading
from taskyard.cards.rules.rule import LOSSES, RULES

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")


def examine(files: Sequence[CardFile], is_course: bool) -> list[Finding]:
    """
    Examine some files together, and return the findings in the order of their lines.

    Args:
        is_course: Whether the files are the course's own; in others, style is at most a warning.
    """
    return _found(RULES, files, is_course)


def losses(file: CardFile) -> list[Finding]:
    """Return the findings of the rules that keep a deck from being built."""
    return _found(sorted(LOSSES), [file], False)


def _found(names: Iterable[str], files: Sequence[CardFile], is_course: bool) -> list[Finding]:
    readings = [Reading(file, is_course) for file in files]
    found = []
    for name in names:
        for said in RULES[name](readings):
            is_style = said.level == "error" and name not in LOSSES and not is_course
            level = "warning" if is_style else said.level
            at = said.place
            found.append(Finding(name, level, said.what, at.path, at.line, at.column, said.hint))
    return sorted(found, key=lambda one: (one.path, one.line, one.column, one.rule))
