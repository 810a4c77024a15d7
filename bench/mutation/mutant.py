"""One lab's solution with one small mistake in it."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from mutation import compose, dockerfile, python
from mutation.edit import Edit
from taskyard.compose import read
from taskyard.course import Lab
from taskyard.errors import TaskyardError


@dataclass(frozen=True)
class Mutant:
    """
    Attributes:
        path: Of the file with the mistake, relative to the lab's files.
        name: Where and what it is, in one line; no other mutant of the lab has it.
        text: What the file holds now.
    """

    path: Path
    name: str
    text: str


def mutants_of(lab: Lab) -> list[Mutant]:
    """Return every mutant of the files that the solution changes and that still parses."""
    found: list[Mutant] = []
    for path, source in sorted(lab.files("solution").items()):
        if not source.is_relative_to(lab.solution):
            continue
        text = source.read_text(encoding="utf-8")
        edits, meaning_of = _kind(path)
        meanings = {meaning_of(text)}
        for edit in edits(text):
            changed = edit.apply(text)
            try:
                meaning = meaning_of(changed)
            except (SyntaxError, ValueError, yaml.YAMLError):
                continue
            if meaning not in meanings:
                meanings.add(meaning)
                name = f"{path}:{edit.place(text)}: {edit.operator}: {edit.told(text)}"
                found.append(Mutant(path, name, changed))
    return found


def draw(mutants: list[Mutant], count: int, seed: str) -> list[Mutant]:
    """Return some of the mutants, as many of each operator as can be; the same for one seed."""
    luck = random.Random(seed)
    by_operator: dict[str, list[Mutant]] = {}
    for one in mutants:
        by_operator.setdefault(one.name.split(": ")[1], []).append(one)
    for group in by_operator.values():
        luck.shuffle(group)
    drawn: list[Mutant] = []
    while len(drawn) < min(count, len(mutants)):
        drawn += [group.pop() for group in by_operator.values() if group]
    return drawn[:count]


def starts(folder: Path) -> bool:
    """Tell whether the files of a mutant can be tried at all: the Compose file is one."""
    try:
        read(folder / "compose.yaml")
    except TaskyardError:
        return False
    return True


def _kind(path: Path) -> tuple[Callable[[str], Iterator[Edit]], Callable[[str], str]]:
    """Return the mistakes that are made in such a file, and what says whether two texts differ."""
    if path.suffix == ".py":
        return python.edits, lambda text: ast.dump(ast.parse(text))
    if path.suffix in (".yaml", ".yml"):
        return compose.edits, lambda text: repr(yaml.safe_load(text))
    return dockerfile.edits, lambda text: " ".join(text.split())
