"""Lab 06: a worker that includes one of three modules, then all three; then a queue for e-mails."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import redis
from celery import Celery
from celery.result import AsyncResult
from rich.table import Table

from taskyard.deadline import until
from taskyard.errors import TaskyardError
from taskyard.kit.console import Show
from taskyard.kit.queue import look, wait_for
from taskyard.kit.recorder import Recorder
from taskyard.kit.stack import Completed, Stack
from taskyard.kit.timeline import Timeline

IMPORT, EMAIL, REPORT = TASKS = (
    "src.worker.tasks.import_csv",
    "src.worker.emails.send_email",
    "src.worker.reports.build_report",
)
MODULES = [name.rpartition(".")[0] for name in TASKS]
EACH = 4
IMPORTS = 6
ROWS = 9
END_S = 20.0

ALL, MAIL = "demo", "demo-emails"

ADDRESSES = """
from src.worker.app import app
print(app.conf.broker_url, app.conf.result_backend)
"""

WORKER = """
import sys
from src.worker.app import app
node, processes, queue, *modules = sys.argv[1:]
app.conf.include = modules
app.worker_main(["worker", "--loglevel=WARNING", f"--hostname={node}@demo",
                 f"--concurrency={processes}", f"--queues={queue}"])
"""


def demo(stack: Stack, show: Show) -> None:
    broker, results = addresses(stack)
    app = Celery(broker=broker, backend=results, set_as_current=False)
    show.say()
    show.say(
        "Your own workers have nothing to do meanwhile: the demo sends to its own queues, and runs "
        "its own workers beside yours, with your modules."
    )
    one = one_module(stack, app, show)
    with worker(stack, app, show, "three-modules", MODULES, 2, ALL):
        three = three_modules(stack, app, show)
        show.say()
        show.say("What each of the two workers consisted of:")
        show.table(processes(("one module", one), ("three modules", three)))
        predicted = own_queue(show)
        together = record(stack, app, show, "one queue", ALL)
    with (
        worker(stack, app, show, "imports", MODULES, 1, ALL),
        worker(stack, app, show, "emails", MODULES, 1, MAIL),
    ):
        apart = record(stack, app, show, "a queue each", MAIL)
    show.compare(predicted, f"{early(together)} with one queue, {early(apart)} with a queue each")
    for title, timeline in (("one queue:", together), ("a queue each:", apart)):
        show.say()
        show.say(title)
        show.raw(timeline.chart(show.width, show.ascii_only))
    your_workers(stack, app, show)


def run(stack: Stack, program: str, *arguments: str) -> Completed:
    """Run one of the demo's own programs where one of your workers runs."""
    service = stack.worker_replicas()[0].service
    return stack.exec(service, ["python", "-c", program, *arguments], timeout_s=120.0)


def addresses(stack: Stack) -> list[str]:
    """Return your app's broker and its result backend, as this machine reaches them."""
    said = run(stack, ADDRESSES)
    if said.exit_code:
        raise RuntimeError(said.stderr)
    return [stack.outside(url) for url in said.stdout.split()]


@contextmanager
def worker(
    stack: Stack,
    app: Celery,
    show: Show,
    node: str,
    modules: Sequence[str],
    size: int,
    queue: str,
) -> Iterator[list[Completed]]:
    """Run a worker of the demo's own with these modules; the list has its output at the end."""
    done: list[Completed] = []
    arguments = (node, str(size), queue, *modules)

    def work() -> None:
        with suppress(TaskyardError):  # whoever waits for its answer says why none comes
            done.append(run(stack, WORKER, *arguments))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    with show.step(f"starting {node}@demo"):
        until(lambda: answers(app, node), f"the worker `{node}` to answer")
    yield done
    with show.step(f"stopping {node}@demo"):
        app.control.shutdown(destination=[f"{node}@demo"])
        thread.join(END_S)


def answers(app: Celery, node: str) -> bool:
    to = [f"{node}@demo"]
    return bool(app.control.broadcast("ping", destination=to, reply=True, timeout=0.3, limit=1))


def send(app: Celery, each: int) -> list[AsyncResult]:
    """Send `each` imports, e-mails and reports to the demo's queue, in turn."""
    with redis.Redis.from_url(app.conf.result_backend) as store:
        for number in range(each):
            store.rpush(f"upload:demo-{number}.csv", "41", "")
    sent = []
    for number in range(each):
        for name, argument in zip(TASKS, ("demo-{}.csv", "customer-{}", "day-{}"), strict=True):
            sent.append((name, app.send_task(name, (argument.format(number),), queue=ALL)))
    return [handle for _, handle in sent]


def fates(handles: Sequence[AsyncResult]) -> Table:
    """Count how the tasks of each kind ended; `send` sends the kinds in turn."""
    table = Table(box=None, pad_edge=False)
    for heading in ("sent", "task", "state", "result"):
        table.add_column(heading)
    for kind, name in enumerate(TASKS):
        mine = handles[kind :: len(TASKS)]
        for state, count in Counter(handle.state for handle in mine).items():
            result = mine[0].result
            said = type(result).__name__ if state == "FAILURE" else "its return value"
            table.add_row(str(count), name, state, said)
    return table


def one_module(stack: Stack, app: Celery, show: Show) -> dict[str, object]:
    """Show what a worker does with tasks that it does not know; return its statistics."""
    handles = send(app, EACH)
    show.say()
    show.say(f"{len(handles)} messages are sent, and no worker reads their queue. Redis holds:")
    show.table(look(app.conf.broker_url, app.conf.result_backend).table())
    show.say()
    predicted = show.predict(
        f"a worker starts that includes {MODULES[0]} and nothing else. How many messages "
        "still wait when it is done?"
    )
    with worker(stack, app, show, "one-module", MODULES[:1], 2, ALL) as done:
        with show.step("reading its queue"):
            seen = wait_for(
                lambda seen: seen.is_quiet and len(seen.results) >= len(handles),
                app.conf.broker_url,
                app.conf.result_backend,
            )
        stats = stats_of(app, "one-module@demo")
    waiting = sum(map(len, seen.waiting.values()))
    show.compare(predicted, f"{waiting}: it took them all, and ran {EACH}")
    show.say()
    show.table(fates(handles))
    show.say()
    show.say("For each of the others it logged an error:")
    lines = (done[0].stdout + done[0].stderr).splitlines() if done else []
    said = [line.strip() for line in lines if "unregistered" in line or "discarded" in line]
    show.raw("\n".join(f"  {line}" for line in dict.fromkeys(said[:2])))
    return stats


def three_modules(stack: Stack, app: Celery, show: Show) -> dict[str, object]:
    """Show that a worker that knows the tasks comes too late; return its statistics."""
    before = len(look(app.conf.broker_url, app.conf.result_backend).results)
    show.say()
    predicted = show.predict("now a worker starts that includes all three. What does it run first?")
    with show.step("the same twelve again"):
        handles = send(app, EACH)
        wait_for(
            lambda seen: seen.is_quiet and len(seen.results) >= before + len(handles),
            app.conf.broker_url,
            app.conf.result_backend,
        )
    show.compare(predicted, "the tasks that were sent anew; the lost messages are gone")
    show.say()
    show.table(fates(handles))
    return stats_of(app, "three-modules@demo")


def stats_of(app: Celery, node: str) -> dict[str, object]:
    answers = app.control.inspect([node], timeout=END_S, limit=1).stats() or {}
    return dict(answers[node])


def processes(*workers: tuple[str, dict[str, object]]) -> Table:
    """Count each worker's processes."""
    table = Table(box=None, pad_edge=False)
    for heading in ("worker with", "main process", "pool processes"):
        table.add_column(heading, justify="left" if heading == "worker with" else "right")
    for name, stats in workers:
        pool = stats["pool"]
        assert isinstance(pool, dict)
        table.add_row(name, f"pid {stats['pid']}", str(len(pool["processes"])))
    return table


def own_queue(show: Show) -> str:
    """Say what comes next, and ask for a prediction."""
    show.say()
    show.say(
        f"{IMPORTS} imports, then {EACH} e-mails, for two pool processes: first both in this "
        "worker, with one queue; then one in each of two workers, with a queue each."
    )
    return show.predict("how many e-mails are sent before the last import begins?")


def record(stack: Stack, app: Celery, show: Show, what: str, mail: str) -> Timeline:
    with redis.Redis.from_url(app.conf.result_backend) as store:
        for number in range(IMPORTS):
            store.rpush(f"upload:file-{number}.csv", *[str(row) for row in range(1, ROWS)], "")
    nodes = stack.workers() + (1 if mail == ALL else 2)
    with Recorder(app.conf.broker_url, nodes) as recorder, show.step(what):
        for number in range(IMPORTS):
            app.send_task(IMPORT, (f"file-{number}.csv",), queue=ALL)
        for number in range(EACH):
            app.send_task(EMAIL, (f"customer-{number}@example.com",), queue=mail)
        return recorder.wait(IMPORTS + EACH)


def early(timeline: Timeline) -> int:
    """Count the e-mails that were sent before the last import began."""
    last = max(run.span[0] for run in timeline.finished if run.name == IMPORT)
    return sum(run.name == EMAIL and run.span[1] < last for run in timeline.finished)


def your_workers(stack: Stack, app: Celery, show: Show) -> None:
    """Say what the learner's own workers know and read."""
    ask = app.control.inspect(timeout=END_S, limit=stack.workers())
    known, queues = ask.registered() or {}, ask.active_queues() or {}
    show.say()
    show.say("And your own workers?")
    for node in sorted(known):
        names = ", ".join(queue["name"] for queue in queues.get(node, ()))
        show.raw(f"  {node} reads {names}, and knows")
        show.raw("\n".join(f"    {name}" for name in sorted(known[node])))
    missing = set(TASKS) - {name for names in known.values() for name in names}
    if missing:
        show.say(f"The shop sends tasks that none of them knows: {', '.join(sorted(missing))}.")
