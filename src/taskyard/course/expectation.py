"""`expect.toml` of a lab: how its starter and each wrong answer are rejected."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from taskyard.errors import Fault, TaskyardError


@dataclass(frozen=True)
class Expectation:
    """
    How a variant is rejected.

    Attributes:
        requirement: The first requirement that fails.
        message: A part of the check's report about it.
        engine: `docker` if only Docker can reject it; empty if every engine does.
    """

    requirement: str
    message: str
    engine: Literal["", "docker"] = ""


def read(path: Path, wanted: Sequence[str], right: Sequence[str] = ()) -> Mapping[str, Expectation]:
    """
    Read an `expect.toml`, which has one table for each variant that must be rejected.

    Args:
        wanted: The variants that must have a table: `starter` and the wrong answers.
        right: The right answers, which must have none.

    Raises:
        TaskyardError: Tables are missing, unexpected or incomplete; one fault for each.
    """
    text = path.read_text(encoding="utf-8")
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+)", str(error))
        what = "this is not TOML: " + str(error).partition(" (at ")[0].lower()
        cure = "see CONTRIBUTING.md for the form of `expect.toml`"
        raise TaskyardError(what, path=path, line=int(at[1]) if at else None, hint=cure) from error
    faults = [
        Fault(
            f"the table `{name}` is missing: it says how this variant is rejected",
            path,
            hint=f"add a table `[{name}]` with `requirement` and `message`",
        )
        for name in wanted
        if name not in tables
    ]
    for name, table in tables.items():
        line = _table_line(text, name)
        if name in right:
            what = f"`{name}` is a right answer, which must not be rejected"
            faults.append(Fault(what, path, line, "remove it"))
        elif name not in wanted:
            close = get_close_matches(name, [one for one in wanted if one not in tables], n=1)
            cure = f"did you mean `{close[0]}`?" if close else "remove it"
            what = f"`{name}` is neither the starter nor a folder of `wrong/`"
            faults.append(Fault(what, path, line, cure))
        elif not _is_expectation(table):
            what = f"`{name}` must hold `requirement` and `message`, and may hold `engine`"
            cure = 'write these two as texts; `engine` can only be "docker"'
            faults.append(Fault(what, path, line, cure))
    if faults:
        raise TaskyardError.of(faults)
    return {name: Expectation(**tables[name]) for name in wanted}


def _is_expectation(table: object) -> bool:
    return (
        isinstance(table, dict)
        and {"requirement", "message"} <= set(table) <= {"requirement", "message", "engine"}
        and all(isinstance(value, str) and value.strip() for value in table.values())
        and table.get("engine", "docker") == "docker"
    )


def _table_line(text: str, name: str) -> int | None:
    headers = (f"[{name}]", f'["{name}"]', f"['{name}']")
    for line, content in enumerate(text.splitlines(), 1):
        if content.strip().startswith(headers):
            return line
    return None
