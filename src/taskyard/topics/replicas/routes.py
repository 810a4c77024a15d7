"""The queues to which the shop's app sends its tasks."""

from __future__ import annotations

import json

from taskyard.errors import TaskyardError
from taskyard.kit.stack import Stack

PROGRAM = """
import json, sys
from tasks import app
routes = {name: app.amqp.router.route({}, name) for name in sys.argv[1:]}
print(json.dumps({name: route["queue"].name for name, route in routes.items()}))
"""


def queues_of(stack: Stack, *tasks: str) -> dict[str, str]:
    """
    Ask the app in `tasks.py`, beside a replica of `worker`, for the queue of each task.

    Args:
        tasks: Names of tasks.

    Raises:
        TaskyardError: The app cannot be asked; quotes the last line of the traceback.
    """
    said = stack.exec("worker", ["python", "-c", PROGRAM, *tasks])
    if said.exit_code:
        last = said.stderr.strip().rpartition("\n")[2]
        raise TaskyardError(f"`tasks.py` does not say where it sends a task: {last}")
    return dict(json.loads(said.stdout))
