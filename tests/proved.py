"""
What `make proof` has proved of the labs, so that `make test` need not prove all of it again.

A variant that came out as it should on an engine stands in proved.json, with a digest of what
decides about it: the lab, the package, the pins, and the test. While that is the same, `make test`
tries some of these again, drawn by chance, and passes over the rest. It prints how many, and which.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import secrets
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from taskyard.files import ROOT

if TYPE_CHECKING:
    from taskyard.course import Lab

RECORD = Path(__file__).with_suffix(".json")
DECIDES = ("src/taskyard", "requirements", "Dockerfile", "tests/content/test_labs.py")
"""What every lab's outcome rests on besides its own folder."""

RIGHT_AT_FIRST = 2
"""So many of a lab's other right answers are tried in `make test`."""

ONE_IN = 10
"""So many of what is proved are tried again: one in ten, and one of each lab at the least."""

DRAW = "TASKYARD_DRAW"
PASSED_OVER = f"`make proof` has proved it as it is; the draw can be repeated: {DRAW}="

Case = tuple[str, str, str]
"""The slug of a lab, the name of a variant, and the engine."""


def digest(*places: Path) -> str:
    """Return one digest of files, and of all files below folders."""
    told = hashlib.sha256()
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and "__pycache__" not in path.parts:
                told.update(f"{path.relative_to(place)}\0".encode() + path.read_bytes() + b"\0")
    return told.hexdigest()[:16]


@cache
def inputs_of(lab: Lab) -> str:
    """Return a digest of what decides about a lab's variants."""
    return digest(lab.folder, *(ROOT / name for name in DECIDES))


def proved(labs: Iterable[Lab], record: Path = RECORD) -> list[Case]:
    """Return what has been proved of these labs as they are now."""
    known = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    return [
        (lab.slug, variant, engine)
        for lab in labs
        if known.get(lab.slug, {}).get("inputs") == inputs_of(lab)
        for engine in ("local", "docker")
        for variant in known[lab.slug][engine]
    ]


def left_out(lab: Lab, variant: str, engine: str) -> str:
    """Return why only `make proof` tries a variant on an engine; empty if `make test` does too."""
    from taskyard.kit.contract import Contract, load  # which not every test should wait for

    if variant in lab.right[RIGHT_AT_FIRST:]:
        return "`make proof` tries all of the other right answers"
    if variant in lab.wrong and engine == "docker":
        needs_docker = lab.expectations()[variant].engine == "docker"
        if not needs_docker and not Contract.of(load(lab.demo)).needs_docker:
            return "`make proof` tries wrong answers on Docker too"
    return ""


def passed_over(labs: Iterable[Lab], record: Path = RECORD) -> set[Case]:
    """
    Draw what is tried again of what has been proved, the same for one draw; return the rest.

    It is drawn from what `make test` tries.
    """
    luck = random.Random(os.environ[DRAW])
    over: set[Case] = set()
    for lab in labs:
        found = proved([lab], record)
        tried = [one for one in found if not left_out(lab, *one[1:])]
        over |= {*found} - {*luck.sample(tried, math.ceil(len(tried) / ONE_IN))}
    return over


def renew(record: Path, came_out: dict[Case, bool], inputs: dict[str, str]) -> None:
    """
    Add what a proof has shown, and take out what it has refuted or what has changed since.

    Args:
        came_out: Whether each case came out as it should, in every round.
        inputs: Of each lab that was tried.
    """
    known = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    for slug, digested in inputs.items():
        if known.get(slug, {}).get("inputs") != digested:
            known[slug] = {"inputs": digested, "local": [], "docker": []}
    for (slug, variant, engine), is_right in came_out.items():
        names = set(known[slug][engine]) - {variant}
        known[slug][engine] = sorted(names | {variant} if is_right else names)
    text = json.dumps(known, indent=1, sort_keys=True)
    record.write_text(text + "\n", encoding="utf-8")


def pytest_configure() -> None:
    """Draw once, for all test processes."""
    os.environ.setdefault(DRAW, str(secrets.randbelow(1_000_000)))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was drawn, and renew the record where everything is proved."""
    came_out: dict[Case, bool] = {}
    inputs: dict[str, str] = {}
    drawn = []
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            told = dict(report.user_properties)
            if "case" not in told or report.when != "call":
                continue
            case: Case = tuple(told["case"])
            came_out[case] = outcome == "passed" and came_out.get(case, True)
            inputs[case[0]] = told["inputs"]
            if told["proved"]:
                drawn.append("-".join(case))
    if config.getoption("proof") and came_out:
        renew(RECORD, came_out, inputs)
        terminalreporter.section("proved")
        terminalreporter.write_line(f"{sum(came_out.values())} variants: {RECORD.name} says which")
    elif drawn:
        terminalreporter.section("tried again, of what `make proof` has proved")
        terminalreporter.write_line(f"{DRAW}={os.environ[DRAW]}: {', '.join(sorted(drawn))}")
