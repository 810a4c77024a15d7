"""What the learner's files must do: one test a requirement, checked by behaviour."""

from __future__ import annotations

from celery import Celery
from celery.exceptions import TimeoutError as NoAnswer

from taskyard.kit.requirement import require
from taskyard.kit.stack import Stack

EDIT = ("tasks.py",)
"""All other files of the starter stay as they are. A check may say `PUBLISH`, as a demo may."""

HEADING = "order,cents\n"
TIMEOUT_S = 20.0


def test_three_orders(stack: Stack) -> None:
    """Three orders are counted as three."""
    require_count(stack, HEADING + "1,1250\n2,800\n3,99\n", 3, "a file of three orders")


def test_no_order(stack: Stack) -> None:
    """A file without orders has none."""
    require_count(stack, HEADING, 0, "a file with a heading only")
    require_count(stack, "", 0, "an empty file")


def test_empty_line(stack: Stack) -> None:
    """An empty line is no order."""
    require_count(stack, HEADING + "1,1250\n\n2,800\n3,99\n", 3, "three orders and an empty line")


def require_count(stack: Stack, text: str, orders: int, file: str) -> None:
    """Send one task and compare its result."""
    app = Celery(broker=stack.url(), backend=stack.url(), set_as_current=False)
    try:
        seen = app.send_task("tasks.count_orders", [text]).get(TIMEOUT_S, propagate=False)
    except NoAnswer:
        seen = f"nothing in {TIMEOUT_S:.0f} s"
    finally:
        app.close()
    require(
        seen == orders,
        did=f"sent `count_orders` {file}",
        saw=f"it counted {seen!r}",
        expected=str(orders),
        look_at="`count_orders` in tasks.py",
    )
