"""The bench of mutants: small mistakes that parse, each by a rule and at one place."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from mutation import compose, dockerfile, python
from mutation.edit import Edit
from mutation.mutant import draw, mutants_of

from taskyard.course import Course

LABS = Course.discover().labs

PYTHON = '''\
@app.task(acks_late=True)
def send(name, size=3):
    """Say „name“."""
    if not name or size < 2:
        return None
    return store.set(name, size)
'''
COMPOSE = """\
services:
  shop:
    command: celery worker --concurrency=2
    depends_on:
      redis: {condition: service_healthy}
    healthcheck: {interval: 5s}
"""
DOCKERFILE = """\
FROM python:3.13 AS build
# what changes last
RUN one \\
 && two
"""


@pytest.mark.parametrize(
    ("edits", "text", "expected"),
    [
        (python.edits, PYTHON, "drop argument: acks_late=True"),
        (python.edits, PYTHON, "change value: True -> False"),
        (python.edits, PYTHON, "change number: 3 -> 4"),
        (python.edits, PYTHON, "change comparison: < -> <="),
        (python.edits, PYTHON, "drop condition: not name or size < 2 -> size < 2"),
        (python.edits, PYTHON, "drop line: @app.task(acks_late=True)"),
        (python.edits, PYTHON, "drop line: return store.set(name, size) -> pass"),
        (python.edits, PYTHON, "swap two: name, size -> size, name"),
        (python.edits, PYTHON, "change name: name -> size"),
        (compose.edits, COMPOSE, "change value: service_healthy -> service_started"),
        (compose.edits, COMPOSE, "change value: 2 -> 3"),
        (compose.edits, COMPOSE, "drop word: worker"),
        (compose.edits, COMPOSE, "drop key: redis: {condition: service_healthy}"),
        (dockerfile.edits, DOCKERFILE, "drop instruction: RUN one \\ && two"),
        (dockerfile.edits, DOCKERFILE, "change number: python:3.13 -> python:4.13"),
    ],
    ids=lambda value: value if isinstance(value, str) and "\n" not in value else "",
)
def test_a_rule_makes_its_mistake(
    edits: Callable[[str], Iterator[Edit]], text: str, expected: str
) -> None:
    found = {f"{edit.operator}: {edit.told(text)}": edit for edit in edits(text)}
    assert expected in found
    assert found[expected].apply(text) != text


def test_what_only_says_how_often_a_health_check_asks_is_left_alone() -> None:
    assert not [edit for edit in compose.edits(COMPOSE) if "5s" in edit.told(COMPOSE).split()]


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_the_mutants_of_a_lab_differ_from_its_solution_and_from_each_other(lab) -> None:
    mutants = mutants_of(lab)
    files = {path: source.read_text() for path, source in lab.files("solution").items()}
    assert mutants
    assert [one.name for one in mutants if one.text == files[one.path]] == []
    texts = Counter((one.path, one.text) for one in mutants)
    assert [what for what, count in texts.items() if count > 1] == []
    assert len({one.name for one in mutants}) == len(mutants)


def test_a_draw_takes_every_kind_and_can_be_repeated() -> None:
    mutants = mutants_of(LABS[-1])
    drawn = draw(mutants, 20, "1")
    assert drawn == draw(mutants, 20, "1") != draw(mutants, 20, "2")
    assert len(set(drawn)) == 20
    kinds = {one.name.split(": ")[1] for one in mutants}
    assert {one.name.split(": ")[1] for one in drawn} == kinds
    assert len(draw(mutants, sys.maxsize, "1")) == len(mutants)
