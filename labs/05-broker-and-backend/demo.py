"""Lab 05: one task through the places it can be in, then twenty without a result backend."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from celery import Celery

from taskyard.kit.console import Show
from taskyard.kit.queue import Queues, wait_for
from taskyard.kit.recorder import Recorder, wait_for_workers
from taskyard.kit.stack import Stack

ROWS = 20
MANY = 20
END_S = 10.0
LINE = "{:>7}  {:<30}  {}"


def in_list(seen: Queues, task_id: str) -> bool:
    return any(m.id == task_id for messages in seen.waiting.values() for m in messages)


def in_unacked(seen: Queues, task_id: str) -> bool:
    return any(message.id == task_id for message in seen.unacknowledged)


def nowhere(seen: Queues, task_id: str) -> bool:
    return not in_list(seen, task_id) and not in_unacked(seen, task_id)


def in_result(seen: Queues, task_id: str) -> bool:
    return any(stored.id == task_id and stored.state == "SUCCESS" for stored in seen.results)


MOMENTS: list[tuple[str, Callable[[Queues, str], bool]]] = [
    ("the list `celery`", in_list),
    ("the hash `unacked`", in_unacked),
    ("nowhere in Redis: it runs", nowhere),
    ("the key `celery-task-meta-ID`", in_result),
]


@contextmanager
def worker(stack: Stack, app: Celery, name: str, *without: str) -> Iterator[None]:
    """Run a worker of the demo's own in the shop's environment, less some of its variables."""
    command = ["env", *(f"--unset={variable}" for variable in without)]
    command += ["celery", "-A", "tasks", "worker", "--pool=threads", "--concurrency=1"]
    command += ["--loglevel=WARNING", f"--hostname={name}@demo"]
    thread = threading.Thread(target=stack.exec, args=("shop", command), daemon=True)
    thread.start()
    yield
    wait_for_workers(app, 1)
    app.control.shutdown(destination=[f"{name}@demo"])
    thread.join(END_S)


def demo(stack: Stack, show: Show) -> None:
    environment = stack.project.services["shop"].environment
    broker, backend = (stack.outside(environment[v]) for v in ("BROKER_URL", "RESULT_URL"))
    app = Celery("demo", broker=broker, backend=backend, set_as_current=False)
    show.say()
    show.say(
        "Your worker rests meanwhile. The demo runs one of its own beside the shop, where "
        "RESULT_URL is set. It works on one import at a time, and two are uploaded."
    )
    with show.step("stopping your worker"):
        wait_for_workers(app, 1)
        stack.stop("worker")
    predicted = show.predict("the worker is busy with the first. Where is the second's message?")
    follow(stack, app, show, broker, backend)
    show.compare(predicted, "in `unacked`, until the worker was free; then nowhere in Redis")
    without_backend(stack, app, show, broker, backend)
    show.say()
    show.say("And your own worker? When it started, it wrote into its log:")
    show.raw("\n".join(line for line in stack.logs("worker").splitlines() if "results:" in line))


def follow(stack: Stack, app: Celery, show: Show, broker: str, backend: str) -> None:
    """Show where the second of two imports is, from its upload to its end."""
    first, second = (
        app.send_task("tasks.import_csv", (f"orders-{number}.csv", ROWS)).id for number in (1, 2)
    )
    began = time.monotonic()
    show.say()
    show.raw(LINE.format("after", "the second import is in", "Celery says"))

    def tell(words: str, holds: Callable[[Queues, str], bool]) -> None:
        seen = wait_for(lambda seen: holds(seen, second), broker, backend)
        state = app.AsyncResult(second).state
        show.raw(LINE.format(f"{time.monotonic() - began:.1f} s", words, state))
        for stored in seen.results:
            if holds is in_result and stored.id == second and stored.expires_s is not None:
                show.raw(" " * 9 + f"which expires in {stored.expires_s:,.0f} s")

    tell(*MOMENTS[0])
    with worker(stack, app, "with-backend"):
        for moment in MOMENTS[1:]:
            tell(*moment)
    for task_id in (first, second):
        app.AsyncResult(task_id).forget()


def without_backend(stack: Stack, app: Celery, show: Show, broker: str, backend: str) -> None:
    """Have a worker without a result backend run many imports, and show what is left."""
    show.say()
    predicted = show.predict(
        f"{MANY} imports run in a worker without a result backend. How many results are there?"
    )
    with worker(stack, app, "no-backend", "RESULT_URL"), Recorder(broker, workers=1) as recorder:
        ids = [app.send_task("tasks.import_csv", ("orders.csv", 1)).id for _ in range(MANY)]
        with show.step(f"the worker runs {MANY} imports"):
            ran = len(recorder.wait(MANY).finished)
        seen = wait_for(lambda seen: seen.is_quiet, broker, backend)
    show.compare(predicted, f"{len(seen.results)}, and the worker ran {ran}")
    show.say()
    show.table(seen.table())
    states = Counter(app.AsyncResult(task_id).state for task_id in ids)
    said = ", ".join(f"{count} x {state}" for state, count in states.items())
    show.say()
    show.say(
        f"Asked about each of them, Celery says: {said}. "
        "It says the same about an id that never existed."
    )
