"""Tell whether the files of a starter that a learner must not change are as they were."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Mapping
from itertools import zip_longest
from pathlib import Path

import yaml

from taskyard.kit.requirement import require

YAML = (".yaml", ".yml")
COMMENTED = (".py", *YAML)
"""The files in which a line that begins with `#` means nothing; elsewhere it may be code."""


def require_fixed(
    folder: Path, starter: Path, edit: Collection[str], handed: Mapping[str, str]
) -> None:
    """
    Require that a learner has changed the meaning of none but the files that they may edit.

    Comments and the layout of Python and YAML files mean nothing.

    Args:
        starter: The folder of the starter as it is today, `labs/NN-SLUG/starter`.
        edit: The files that may change, relative to the folder.
        handed: The SHA-256 of each file as the learner got it, perhaps from an earlier starter.

    Raises:
        Unmet: One has changed, or is missing; names the first line that differs.
    """
    for source in sorted(path for path in starter.rglob("*") if path.is_file()):
        name = source.relative_to(starter).as_posix()
        if name in edit or "__pycache__" in source.parts:
            continue
        own, course = folder / name, starter.parents[2]
        here = own.read_bytes() if own.is_file() else b""
        was = source.read_bytes()
        is_old = hashlib.sha256(here).hexdigest() == handed.get(name)
        line, text = _first_difference(name, here.decode(errors="replace"), was.decode())
        require(
            here == was or is_old or _meaning(name, here) == _meaning(name, was),
            did="compared the files that stay as they are with those of the starter",
            saw=f"in `{name}`, line {line} is now `{text}`" if own.is_file() else f"no `{name}`",
            expected=f"`{name}` as you got it: only {_listed(edit)} may change",
            look_at=f"{name}:{line}; the file as it was is {source.relative_to(course)}",
        )


def _first_difference(name: str, here: str, was: str) -> tuple[int, str]:
    """Return the number of the first line whose meaning differs, and what it is now."""
    last = len(here.splitlines())
    pairs = zip_longest(_lines(name, here), _lines(name, was), fillvalue=(last, ""))
    return next(((number, a) for (number, a), (_, b) in pairs if a != b), (1, ""))


def _lines(name: str, text: str) -> list[tuple[int, str]]:
    """Return the lines that mean something, with their numbers."""
    lines = enumerate(text.splitlines(), start=1)
    if not name.endswith(COMMENTED):
        return list(lines)
    return [(number, line) for number, line in lines if line.strip() and line.strip()[0] != "#"]


def _meaning(name: str, content: bytes) -> object:
    """Return what two files share that differ only in comments and layout."""
    try:
        if name.endswith(".py"):
            return ast.dump(ast.parse(content))
        if name.endswith(YAML):
            return yaml.safe_load(content)
    except (SyntaxError, ValueError, yaml.YAMLError):
        return content
    return [line.rstrip() for line in content.decode(errors="replace").splitlines()]


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
