"""What the learner's files must do: one test a requirement, checked by behaviour."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from celery import Celery

from taskyard.kit.recorder import Recorder
from taskyard.kit.requirement import require
from taskyard.kit.stack import Stack

EDIT = ("tasks.py",)
"""All other files of the starter stay as they are. A check may say `PUBLISH`, as a demo may."""

HEADING = "order,cents\n"


class Counting:
    """Sends files to the worker, and sees from outside what becomes of them."""

    def __init__(self, app: Celery, witness: Recorder) -> None:
        self._app, self._witness = app, witness

    def require(self, text: str, orders: int, file: str) -> None:
        """Require that the worker counts so many orders in a file, and does it once."""
        task = self._app.send_task("tasks.count_orders", [text])
        seen = self._witness.wait_for(
            lambda seen: any(run.id == task.id and run.ended for run in seen.runs),
            "the worker to count a file",
        )
        runs = [run for run in seen.runs if run.id == task.id]
        require(
            task.state == "SUCCESS" and task.result == orders and len(runs) == 1,
            did=f"sent `count_orders` {file}",
            saw=f"runs: {len(runs)}, state: {task.state}, result: {task.result!r}",
            expected=f"one run that counts {orders}",
            look_at="`count_orders` in tasks.py",
        )


@pytest.fixture(scope="module")
def counting(stack: Stack) -> Iterator[Counting]:
    """The witness listens to the worker's own events, not to what the learner's file says."""
    with (
        Recorder(stack.url(), stack.workers()) as witness,
        Celery(broker=stack.url(), backend=stack.url(), set_as_current=False) as app,
    ):
        yield Counting(app, witness)


def some_orders(number: int) -> str:
    """Return the lines of so many orders; drawn, so that no answer can be written for them."""
    return "".join(f"{order},{random.randint(1, 99999)}\n" for order in range(number))


def test_every_order(counting: Counting) -> None:
    """Every order of a file is counted."""
    for number in random.sample(range(2, 10), 2):  # twice: one number may be right by chance
        counting.require(HEADING + some_orders(number), number, f"a file of {number} orders")


def test_no_order(counting: Counting) -> None:
    """A file without orders has none."""
    counting.require(HEADING, 0, "a file with a heading only")
    counting.require("", 0, "an empty file")


def test_empty_line(counting: Counting) -> None:
    """An empty line is no order."""
    text = HEADING + some_orders(1) + "\n" + some_orders(2)
    counting.require(text, 3, "three orders and an empty line")
