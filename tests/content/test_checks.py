"""What a check says, read in its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

import pytest
from found import LABS

from taskyard.course import Lab

PLACES = {"look_at", "lost", "twice"}
"""Arguments that say where to look."""


def places(check: Path) -> Iterator[str]:
    """Yield each text with which a check says where to look; `*` stands for what is computed."""
    tree = ast.parse(check.read_text(encoding="utf-8"))
    assigned: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            assigned.setdefault(node.targets[0].id, []).append(node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            named = [word.value for word in node.keywords if word.arg in PLACES]
            is_unmet = isinstance(node.func, ast.Name) and node.func.id == "Unmet"
            for place in [*named, *(node.args[3:] if is_unmet else ())]:
                yield from texts(place, assigned)


def texts(node: ast.expr, assigned: Mapping[str, list[ast.expr]]) -> Iterator[str]:
    """Yield the texts that an expression may be; nothing for what a call returns."""
    parts: list[ast.expr] = []
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=values):
            yield "".join(one.value if isinstance(one, ast.Constant) else "*" for one in values)
        case ast.IfExp(body=body, orelse=orelse):
            parts = [body, orelse]
        case ast.BoolOp(values=values):
            parts = values
        case ast.Name(id=name):
            parts = assigned.get(name, [])
            assigned = {other: found for other, found in assigned.items() if other != name}
    for part in parts:
        yield from texts(part, assigned)


@pytest.mark.parametrize("lab", LABS)
def test_where_to_look_is_a_file_of_the_learner_s(lab: Lab) -> None:
    """`The logs` is no place, and neither is `the code that answers`."""
    files = {path for variant in lab.variants for path in lab.files(variant)}
    names = {name for path in files for name in (path.as_posix(), path.name)}
    own = (path for path in sorted(lab.folder.glob("*.py")) if path != lab.demo)
    found = [place for path in own for place in places(path)]
    assert found
    assert [] == [text for text in found if not named_in(text, names)]


def named_in(text: str, names: Iterable[str]) -> bool:
    """Tell whether a text names one of the files."""
    words = [word for word in re.split(r"[\s,:;`]+", text) if word.strip("*")]
    return any(fnmatch(name, word) for word in words for name in names)
