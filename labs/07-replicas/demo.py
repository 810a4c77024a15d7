"""Lab 07: count your workers, then run three of them, then send short imports after a long one."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from celery import Celery
from rich.table import Table

from taskyard.kit.console import Show
from taskyard.kit.recorder import Recorder, wait_for_workers
from taskyard.kit.stack import Stack
from taskyard.kit.timeline import TaskRun, Timeline
from taskyard.topics.replicas.routes import queues_of

IMPORT, PHOTO = "tasks.import_csv", "tasks.shrink_photo"

IMPORTS = 12
ROWS = 8
WANTED = 3
LONG_ROWS = 60
SHORT = 10
SHORT_ROWS = 2
EXEC_S = 300.0
END_S = 15.0


def demo(stack: Stack, show: Show) -> None:
    broker = stack.url("redis")
    app = Celery("demo", broker=broker, set_as_current=False)
    app.conf.task_routes = queues_of(stack, IMPORT, PHOTO)
    with show.step("waiting for the workers"):
        wait_for_workers(app, stack.workers())
    show.say()
    show.say("What runs now: containers, and in them the processes that run tasks.")
    table, slots = count(stack, app)
    show.table(table)
    one_after_the_other(stack, show, app, slots)
    with ExitStack() as extra:
        added = [f"added-{number}" for number in range(1, 1 + max(0, WANTED - slots))]
        for name in added:
            extra.enter_context(worker(stack, app, name))
        if added:
            wait_for_workers(app, stack.workers() + len(added))
            side_by_side(stack, show, app, len(added))
        short_and_long(stack, show, app, len(added))


def count(stack: Stack, app: Celery) -> tuple[Table, int]:
    """Return a table of containers and pool processes, and the number of slots for imports."""
    table = Table(box=None, pad_edge=False)
    for heading in ("service", "containers", "pool processes", "tasks at once"):
        table.add_column(heading, justify="left" if heading == "service" else "right")

    def ask(question: str) -> list[tuple[str, Any]]:
        workers = stack.workers()
        answers = app.control.broadcast(question, reply=True, timeout=END_S, limit=workers) or []
        return [(name, said) for answer in answers for name, said in answer.items()]

    takers = {
        task: {name for name, said in ask("active_queues") if queue in [q["name"] for q in said]}
        for task, queue in app.conf.task_routes.items()
    }
    total = 0
    for task, service in ((IMPORT, "worker"), (PHOTO, "photos")):
        pools = [said["pool"] for name, said in ask("stats") if name in takers[task]]
        containers = sum(replica.service == service for replica in stack.ps())
        processes = sum(len(pool.get("processes", "1")) for pool in pools)
        slots = sum(pool["max-concurrency"] for pool in pools)
        table.add_row(service, str(containers), str(processes), str(slots))
        total += slots if task == IMPORT else 0
    return table, total


@contextmanager
def worker(stack: Stack, app: Celery, name: str) -> Iterator[None]:
    """Run one more worker beside yours, with your settings, as if in one more container."""
    command = ["celery", "-A", "tasks", "worker", "--concurrency=1", "--loglevel=WARNING"]
    command.append(f"--hostname=worker@{name}")
    options = {"timeout_s": EXEC_S}
    thread = threading.Thread(
        target=stack.exec, args=("worker", command), kwargs=options, daemon=True
    )
    thread.start()
    yield
    app.control.shutdown(destination=[f"worker@{name}"])
    thread.join(END_S)


def recorder(stack: Stack, added: int) -> Recorder:
    labels = {replica.hostname: replica.name for replica in stack.ps()}
    labels |= {f"added-{number}": f"added-{number}" for number in range(1, added + 1)}
    return Recorder(stack.url("redis"), stack.workers() + added, labels)


def imports(stack: Stack, app: Celery, added: int, *rows: int) -> Timeline:
    """Send an import for each number of rows; return which worker ran which import when."""
    with recorder(stack, added) as recording:
        for number, each in enumerate(rows, start=1):
            app.send_task(IMPORT, (f"orders-{number}.csv", each))
        return recording.wait(ended=len(rows))


def one_after_the_other(stack: Stack, show: Show, app: Celery, slots: int) -> None:
    show.say()
    predicted = show.predict(
        f"{IMPORTS} imports of {ROWS * 0.05:g} s each: how long do these workers need?"
    )
    with show.step(f"{IMPORTS} imports, {slots} at once"):
        timeline = imports(stack, app, 0, *[ROWS] * IMPORTS)
    show.compare(predicted, f"{timeline.seconds:.1f} s, and {timeline.at_once()} at once")
    show.raw(timeline.chart(show.width, show.ascii_only))


def side_by_side(stack: Stack, show: Show, app: Celery, added: int) -> None:
    show.say()
    show.say(f"The demo starts {added} more, each with one pool process.")
    predicted = show.predict(f"the same {IMPORTS} imports: how long do they need now?")
    with show.step(f"{IMPORTS} imports, with {added} more workers"):
        timeline = imports(stack, app, added, *[ROWS] * IMPORTS)
    show.compare(predicted, f"{timeline.seconds:.1f} s, and {timeline.at_once()} at once")
    show.raw(timeline.chart(show.width, show.ascii_only))


def short_and_long(stack: Stack, show: Show, app: Celery, added: int) -> None:
    show.say()
    predicted = show.predict(
        f"one import of {LONG_ROWS * 0.05:g} s, then {SHORT} of {SHORT_ROWS * 0.05:g} s: "
        "how many of the short ones begin only after the long one has ended?"
    )
    with show.step(f"a long import and {SHORT} short ones"):
        timeline = imports(stack, app, added, LONG_ROWS, *[SHORT_ROWS] * SHORT)
    long = max(timeline.finished, key=lambda run: run.span[1] - run.span[0])
    late = [run for run in timeline.finished if run.span[0] >= long.span[1]]
    show.compare(predicted, f"{len(late)} of {SHORT}")
    show.raw(timeline.chart(show.width, show.ascii_only))
    show.say()
    show.say(verdict(timeline, long, late))


def verdict(timeline: Timeline, long: TaskRun, late: list[TaskRun]) -> str:
    """Say in words what the last chart shows."""
    if not late:
        return (
            "No short import waited for the long one: no worker held a message that it could not "
            "begin."
        )
    idle_s = long.span[1] - max(
        run.span[1] for run in timeline.finished if run not in late and run is not long
    )
    return (
        f"{len(late)} short imports waited behind the long one, and for {idle_s:.1f} s the others "
        "had nothing to do: the busy worker held the messages."
    )
