"""The requirements of lab 06, in the order of its README."""

import importlib
import os
import sys
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis
from celery import Celery

from taskyard.deadline import until
from taskyard.kit.blame import place_in
from taskyard.kit.queue import look
from taskyard.kit.recorder import NoWorkerError, wait_for_workers
from taskyard.kit.requirement import Unmet, require
from taskyard.kit.stack import Stack

IMPORT, EMAIL, REPORT = TASKS = (
    "src.worker.tasks.import_csv",
    "src.worker.emails.send_email",
    "src.worker.reports.build_report",
)
PROCESSES = 2
EMAILS = 3
DEADLINE_S = 30.0
WORKER_S = 20.0
ANSWER_S = 20.0
ENDED = {"SUCCESS", "FAILURE"}

# Importing the learner's files must leave nothing beside them.
sys.dont_write_bytecode = True


@pytest.fixture(scope="module")
def shop(stack: Stack, folder: Path) -> ModuleType:
    """The learner's `shop.py`, imported as a web server imports it: this process is the shop."""
    for service in stack.project.services.values():
        for name, value in service.environment.items():
            outside = stack.outside(value)
            if outside != value or name not in os.environ:
                os.environ[name] = outside
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("shop")
    except Exception as error:
        raise Unmet(
            did="imported shop.py, as the shop's web server does",
            saw=f"{type(error).__name__}: {error}",
            expected="a module with `start_import`, `confirm` and `close_day`",
            look_at=place_in(traceback.format_exc(), folder)
            or "shop.py, and src/worker/app.py, which it imports",
        ) from None


@pytest.fixture(scope="module")
def app(stack: Stack, shop: ModuleType) -> Iterator[Celery]:
    """
    An app that knows no task, with the shop's broker and result backend.

    The check questions the workers through it; by then each of them has answered once.
    """
    conf = shop.app.conf
    app = Celery(broker=conf.broker_url, backend=conf.result_backend, set_as_current=False)
    did, expected = "started the workers", "each of them answers through the broker"

    def answer() -> bool:
        with suppress(NoWorkerError):
            return bool(wait_for_workers(app, max(1, stack.workers()), timeout_s=0))
        for one in stack.ps():
            if one.state == "exited":
                last = stack.last_line(one.service, one.index)
                saw = f"`{one.name}` ended with exit code {one.exit_code}; its log ends: {last}"
                raise Unmet(did, saw, expected, "src/worker/app.py, include; compose.yaml")
        return False

    try:
        until(answer, f"the answers of {stack.workers()} workers", WORKER_S)
    except TimeoutError as error:
        look_at = "compose.yaml: the workers' commands, and BROKER_URL"
        raise Unmet(did, str(error), expected, look_at) from None
    yield app
    app.close()


def inspect(app: Celery, stack: Stack, question: str) -> dict[str, Any]:
    """Ask every worker through remote control; return node name to answer, sorted."""
    workers = max(1, stack.workers())
    answers = getattr(app.control.inspect(timeout=ANSWER_S, limit=workers), question)() or {}
    if len(answers) < workers:
        raise TimeoutError(f"{len(answers)} of {workers} workers answered `{question}`")
    return dict(sorted(answers.items()))


def registered(app: Celery, stack: Stack) -> dict[str, list[str]]:
    """Return each task name that a worker knows, with the workers that know it."""
    names: dict[str, list[str]] = {}
    for node, known in inspect(app, stack, "registered").items():
        for name in known:
            names.setdefault(name.partition(" ")[0], []).append(node)
    return names


def queues_read(app: Celery, stack: Stack) -> dict[str, list[str]]:
    """Return the queues that each node reads."""
    answers = inspect(app, stack, "active_queues")
    return {node: [queue["name"] for queue in queues] for node, queues in answers.items()}


def test_all_work_is_done(stack: Stack, shop: ModuleType, app: Celery) -> None:
    """An import, an e-mail and a report are done."""
    read = {name for names in queues_read(app, stack).values() for name in names}
    shop.add_rows("orders.csv", "41", "42", shop.END)
    ids = {
        IMPORT: shop.start_import("orders.csv"),
        EMAIL: shop.confirm("customer@example.com"),
        REPORT: shop.close_day("2026-11-23"),
    }
    states: dict[str, str] = {}
    unread: dict[str, str] = {}

    def settled() -> bool:
        states.update((one, app.AsyncResult(one).state) for one in ids.values())
        for queue, messages in look(app.conf.broker_url).waiting.items():
            unread.update((message.id, queue) for message in messages if queue not in read)
        return all(states[one] in ENDED or one in unread for one in ids.values())

    with suppress(TimeoutError):
        until(settled, "the three tasks to end", DEADLINE_S)
    did = "had the shop start an import, send an e-mail and close the day"
    expected = "all three end with SUCCESS"
    for name, task_id in ids.items():
        require(
            task_id not in unread,
            did=did,
            saw=f"the message of `{name}` waits in the queue `{unread.get(task_id)}`, for ever: "
            f"the workers read {told(read)}",
            expected=expected,
            look_at="src/worker/app.py and compose.yaml: is the queue the same, letter by letter?",
        )
    failed = [name for name in TASKS if states[ids[name]] == "FAILURE"]
    unknown = [name for name in failed if is_unknown(app, ids[name])]
    if unknown:
        known = registered(app, stack)
        raise Unmet(
            did=did,
            saw="; ".join(about_unknown(name, known) for name in unknown),
            expected=expected,
            look_at="src/worker/app.py, include: a worker knows what its own process imports, "
            "and a task's name begins with the name under which its module was imported",
        )
    for name, task_id in ids.items():
        require(
            states[task_id] == "SUCCESS",
            did=did,
            saw=f"`{name}`: {states[task_id]}",
            expected=expected,
            look_at=place_in(app.AsyncResult(ids[name]).traceback or "", stack.project.folder)
            or f"{name.rpartition('.')[0].replace('.', '/')}.py",
        )


def is_unknown(app: Celery, task_id: str) -> bool:
    """Tell whether a task failed because its worker did not know it."""
    return type(app.AsyncResult(task_id).result).__name__ == "NotRegistered"


def about_unknown(name: str, known: dict[str, list[str]]) -> str:
    """Say why no worker knows a task, as far as its name and this process tell."""
    module, _, function = name.rpartition(".")
    alike = [other for other in known if other.rpartition(".")[2] == function]
    if alike:
        return f"a worker threw `{name}` away, and knows it as {told(alike)}"
    if module in sys.modules:
        return f"a worker threw `{name}` away: the shop has imported `{module}`, but no worker has"
    return f"a worker threw `{name}` away: no worker knows a `{function}`"


def told(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "nothing"


def test_one_name(stack: Stack, app: Celery) -> None:
    """Each of the three tasks is known by one name, the one it had."""
    known = registered(app, stack)
    functions = Counter(name.rpartition(".")[2] for name in known)
    twice = [name for name in known if functions[name.rpartition(".")[2]] > 1]
    more = [name for name in known if name not in TASKS]
    did = "asked the workers which tasks they know"
    expected = f"three names: {told(TASKS)}"
    require(
        not twice,
        did=did,
        saw=f"one function under two names: {told(twice)}",
        expected=expected,
        look_at="src/worker/app.py, include: under which name is the module imported?",
    )
    require(
        not more,
        did=did,
        saw=f"more names than the shop sends: {told(more)}",
        expected=expected,
        look_at="src/worker/app.py: who sends these? The shop's tasks already have their names",
    )


def test_pool_processes(stack: Stack, app: Celery) -> None:
    """There are two pool processes, as before."""
    stats = inspect(app, stack, "stats")
    pools = {node: processes(answer) for node, answer in stats.items()}
    count = sum(pools.values())
    require(
        count == PROCESSES,
        did="asked each worker for its pool processes",
        saw=f"{count}: " + ", ".join(f"{many} in `{node}`" for node, many in pools.items()),
        expected=f"{PROCESSES} in all: importing one more module takes no further process",
        look_at="compose.yaml: --concurrency, or --autoscale, of each worker",
    )


def processes(stats: Mapping[str, Any]) -> int:
    """
    Count the processes that run a worker's tasks once its pool has grown to its full size.

    Threads run in the worker's own process, which counts as one; `solo` reports that one itself.
    """
    pool, scaler = stats["pool"], stats.get("autoscaler") or {"max": 0}
    return max(len(pool["processes"]), scaler["max"]) if "processes" in pool else 1


def test_no_email_waits(stack: Stack, shop: ModuleType, app: Celery) -> None:
    """No e-mail waits behind an import."""
    read = queues_read(app, stack)
    readers = Counter(name for names in read.values() for name in names)
    shared = [name for name, count in readers.items() if count > 1]
    require(
        not shared,
        did="asked each worker which queues it reads",
        saw=f"{told(shared)} is read by two: "
        + ", ".join(f"`{node}` reads {told(names)}" for node, names in read.items()),
        expected="each queue has a worker of its own: a worker that is busy with an import must "
        "not fetch e-mails",
        look_at="compose.yaml: --queues of each worker; without it a worker reads `celery`",
    )
    uploads = [f"slow-{number}.csv" for number in range(PROCESSES)]
    with redis.Redis.from_url(app.conf.result_backend) as uploaded:
        try:
            for name in uploads:
                shop.start_import(name)
            # The row is gone once an import has taken it; a busy worker may not answer any question
            shop.add_rows(uploads[0], "41")
            until(lambda: not uploaded.exists(f"upload:{uploads[0]}"), "an import to begin")
            report = shop.close_day("2026-11-24")
            emails = {shop.confirm(f"customer-{number}@example.com") for number in range(EMAILS)}
            sent_during_imports(app, emails)
        finally:
            for name in uploads:
                shop.add_rows(name, shop.END)
    until(
        lambda: app.AsyncResult(report).state in ENDED,
        "a report to be built after the imports",
        DEADLINE_S,
    )
    ran = {node: set(stats["total"]) for node, stats in inspect(app, stack, "stats").items()}
    mailers = [node for node, names in ran.items() if EMAIL in names]
    other = {name for node in mailers for name in ran[node]} - {EMAIL}
    require(
        not other,
        did="asked the worker that has sent the e-mails what else it has run",
        saw=f"{told(mailers)} ran {told(other)} as well",
        expected="e-mails and nothing else: an e-mail waits behind whatever shares its queue",
        look_at="src/worker/app.py, task_routes: which tasks go to the queue of the e-mails?",
    )
    several = {node: read[node] for node in mailers if len(read[node]) > 1}
    require(
        not several,
        did="asked the e-mails' worker which queues it reads",
        saw=", ".join(f"`{node}` reads {told(names)}" for node, names in several.items()),
        expected="the queue of the e-mails and no other",
        look_at="compose.yaml: --queues of that worker",
    )


def sent_during_imports(app: Celery, emails: set[str]) -> None:
    """Require that e-mails are sent while the imports wait for rows."""
    did = f"sent {EMAILS} e-mails while the rows of {PROCESSES} files were on their way"
    expected = "another worker takes them, and sends them"
    look_at = "src/worker/app.py, task_routes: which queue does an e-mail go to?"

    def unsent() -> set[str]:
        return {one for one in emails if app.AsyncResult(one).state not in ENDED}

    with suppress(TimeoutError):
        until(lambda: not unsent(), "the e-mails to be sent", ANSWER_S)
    gone, waiting = unsent(), look(app.conf.broker_url).waiting
    where = {name for name, queue in waiting.items() if any(one.id in gone for one in queue)}
    require(
        not where,
        did=did,
        saw=f"{len(gone)} of them reached no worker in {ANSWER_S:g} s; they wait in {told(where)}",
        expected=expected,
        look_at=look_at,
    )
    require(
        not gone,
        did=did,
        saw=f"{len(gone)} of them came to a worker that runs an import, and they wait there",
        expected=expected,
        look_at=look_at,
    )
