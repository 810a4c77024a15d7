"""Lab 08: a stuck import without a limit, with a hard one, with both; then a killed worker."""

import time
from collections import Counter
from pathlib import Path

import redis
from celery import Celery
from rich.table import Table

from taskyard.deadline import until
from taskyard.kit.console import Show
from taskyard.kit.queue import look
from taskyard.kit.recorder import Recorder
from taskyard.kit.stack import Stack, copy_stack
from taskyard.kit.timeline import Timeline

STARTS_ITSELF = True

SHOWN = Path(__file__).parent / "shown"
ROWS = 1000
STUCK = 400
HALF = 500
SOFT_S, HARD_S = 1.0, 2.0
WAIT_S = 3.0
ROOM_S = 8.0
"""Time for a new pool process to replace a killed one, and for the third import."""
DAY_S = 24 * 60 * 60
DEADLINE_S = 30.0
LIMITS = {
    "no limit": {},
    "a hard limit": {"time_limit": HARD_S},
    "both": {"soft_time_limit": SOFT_S, "time_limit": HARD_S},
}


class Shop:
    """A shop that uploads files to a stack's worker, and reads the books."""

    def __init__(self, stack: Stack) -> None:
        self.url = stack.url()
        self.app = Celery(broker=self.url, backend=self.url, set_as_current=False)
        self.broker = redis.Redis.from_url(self.url, decode_responses=True)
        self.books = redis.Redis.from_url(stack.url(database=1), decode_responses=True)

    def upload(self, task: str, name: str, hangs: int, **options: float) -> str:
        """Have a file imported whose supplier hangs at a row; return the task's id when it does."""
        self.books.sadd(f"hangs:{name}", hangs)
        task_id = self.app.send_task(f"tasks.{task}", (name, ROWS), **options).id
        until(lambda: self.books.hexists(f"asked:{name}", str(hangs)), f"row {hangs} of {name}")
        return task_id

    def answer(self, name: str) -> None:
        self.books.delete(f"hangs:{name}")

    def state(self, task_id: str) -> str:
        return self.app.AsyncResult(task_id).state

    def active(self) -> list[str]:
        """Ask the worker for the ids of the tasks that it runs now."""
        answer = self.app.control.inspect(limit=1, timeout=10).active() or {}
        return [task["id"] for tasks in answer.values() for task in tasks]

    def booked(self, name: str) -> Counter[int]:
        return Counter(int(text.split()[0]) for text in self.books.hvals(f"books:{name}"))


def demo(stack: Stack, show: Show) -> None:
    shown = Stack(copy_stack(SHOWN, stack.state / "shown"), stack.choice)
    try:
        show.say()
        show.say("First a worker of the demo's own, with two slots and Celery's defaults.")
        with show.step("starting it"):
            shown.up()
        limits(shown, show)
        kill(shown, show)
    finally:
        shown.close()
    your_files(stack, show)


def limits(stack: Stack, show: Show) -> None:
    """Let an import get stuck under each kind of limit, and show what becomes of it."""
    shop = Shop(stack)
    show.say()
    show.say(f"An import of {ROWS:,} rows hangs at row {STUCK}: its supplier does not answer.")
    predicted = show.predict("which limit lets the import say how far it got: soft, or hard?")
    table = Table(box=None, pad_edge=False)
    for heading in ("import_told with", "state", "what is left of it"):
        table.add_column(heading)
    for words, options in LIMITS.items():
        name = words.replace(" ", "-")
        with show.step(f"with {words}"):
            task_id = shop.upload("import_told", name, STUCK, **options)
            if options:
                until(lambda task_id=task_id: shop.state(task_id) in ("SUCCESS", "FAILURE"), words)
            else:
                wait_longer(shop)
        left = repr(shop.app.AsyncResult(task_id).result)
        if task_id in shop.active():
            left = f"still active after {WAIT_S:g} s"
        table.add_row(words, shop.state(task_id), left)
        shop.answer(name)
    show.table(table)
    show.compare(predicted, "the soft one: it is an exception that the task can catch")


def wait_longer(shop: Shop) -> None:
    """Wait longer than any limit of this demo, while the import runs on."""
    end = time.monotonic() + WAIT_S
    until(lambda: time.monotonic() > end, "the clock")


def kill(stack: Stack, show: Show) -> None:
    """Kill a worker that runs one import acknowledged early and one acknowledged late."""
    shop = Shop(stack)
    show.say()
    show.say(
        "Two imports run side by side. One was acknowledged when it began, which is the default; "
        "the other will be acknowledged when it ends. The worker is killed when both are at row "
        f"{HALF}."
    )
    predicted = show.predict("a new worker starts. Which rows are lost, and which booked twice?")
    hosts = {replica.hostname: replica.name for replica in stack.ps()}
    with Recorder(shop.url, workers=1, labels=hosts) as recorder:
        for task, name in (("import_csv", "early"), ("import_late", "late")):
            shop.upload(task, name, HALF)
        with show.step("kill -9, and a new worker"):
            recorder.note_kill()
            stack.kill("worker")
            left = len(look(shop.url).unacknowledged)
            # A worker puts back what is older than visibility_timeout, an hour: make it that old.
            # If the killed worker held this lock, nobody else would look for five minutes
            shop.broker.delete("unacked_mutex")
            for tag, delivered in shop.broker.zrange("unacked_index", 0, -1, withscores=True):
                shop.broker.zadd("unacked_index", {tag: delivered - DAY_S})
            for name in ("early", "late"):
                shop.answer(name)
            stack.start("worker")
            timeline = recorder.wait_for(lambda seen: seen.finished, "the import that came back")
    show.say(f"After the kill, Redis held {left} of the two messages.")
    show.say()
    show.say("Which worker ran what, and when (x: killed):")
    show.raw(timeline.chart(show.width, show.ascii_only))
    show.say()
    show.table(losses(shop))
    show.compare(predicted, words_of(timeline))


def losses(shop: Shop) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("acknowledged", "rows lost", "rows twice"):
        table.add_column(heading, justify="left" if heading == "acknowledged" else "right")
    for name in ("early", "late"):
        rows = shop.booked(name)
        twice = sum(count > 1 for count in rows.values())
        table.add_row(name, f"{ROWS - len(rows):,}", f"{twice:,}")
    return table


def words_of(timeline: Timeline) -> str:
    return (
        f"{len(timeline.killed)} runs were killed and {len(timeline.finished)} came back: the "
        "early one loses the rows it had not reached, the late one begins again"
    )


def your_files(stack: Stack, show: Show) -> None:
    """Let two imports get stuck in the learner's own worker."""
    show.say()
    show.say("And your files? Two imports hang, and a third waits behind them.")
    with show.step("starting your worker"):
        stack.up()
    shop = Shop(stack)
    predicted = show.predict("is the third imported?")
    stuck = [shop.upload("import_csv", name, STUCK) for name in ("one", "two")]
    wait_s = float(stack.project.services["worker"].environment["HARD_S"]) + ROOM_S
    third = shop.app.send_task("tasks.import_csv", ("three", ROWS)).id
    try:
        with show.step("waiting for the third"):
            until(lambda: shop.state(third) == "SUCCESS", "the third", wait_s)
    except TimeoutError:
        still = len(set(stuck) & set(shop.active()))
        show.compare(predicted, f"no, not within {wait_s:g} s; stuck ones still running: {still}")
    else:
        show.compare(predicted, "yes: a limit made room for it")
    for name in ("one", "two"):
        shop.answer(name)
