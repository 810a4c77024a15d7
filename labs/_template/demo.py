"""
What `make lab-{{N}}` shows: the worker counts the orders of a file.

TODO: a demo may say more to the tooling than `demo`: `PUBLISH`, `STARTS_ITSELF`, `NEEDS_DOCKER`,
`without_docker`. CONTRIBUTING.md says what they mean; remove this note.
"""

from __future__ import annotations

from celery import Celery

from taskyard.kit.console import Show
from taskyard.kit.stack import Stack

FILE = "order,cents\n1,1250\n2,800\n3,99\n"
ORDERS = 3
TIMEOUT_S = 20.0


def demo(stack: Stack, show: Show) -> None:
    """Send one task and show what came back."""
    predicted = show.predict("three orders are in the file. How many does the worker count?")
    app = Celery(broker=stack.url(), backend=stack.url(), set_as_current=False)
    with show.step("counting"):
        result = app.send_task("tasks.count_orders", [FILE]).get(TIMEOUT_S, propagate=False)
    app.close()
    show.compare(predicted, str(result))
    show.say(f"the file holds {ORDERS} orders; the worker counted {result}")
