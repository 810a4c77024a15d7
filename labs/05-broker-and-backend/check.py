"""The requirements of lab 05, in the order of its README."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import redis

from taskyard.deadline import until
from taskyard.kit.queue import RESULT, Queues, Result, look
from taskyard.kit.recorder import NoWorkerError, Recorder
from taskyard.kit.requirement import Unmet, ask, listens, require
from taskyard.kit.stack import Stack

PORT = 8000
PUBLISH = {"shop": PORT}
DEADLINE_S = 30.0
WORKER_S = 20.0
ENDS = ("SUCCESS", "FAILURE")
EMAILS = 3
WAITING = 4
IDLE_S = 3
"""How long the queue must wait unused, because Redis measures that in whole seconds."""
ROOM_BYTES = 2_000_000
FILL_BYTES = 20_000
FILLS = 600


def upload(stack: Stack, rows: int) -> str:
    """Upload a file; return the id of its import."""
    return ask(stack, "shop", PORT, "/imports", {"name": "orders.csv", "rows": rows})["id"]


def told(stack: Stack, import_id: str) -> str:
    """Return what the shop says about an import."""
    return ask(stack, "shop", PORT, f"/imports/{import_id}")["state"]


def place(stack: Stack, variable: str) -> tuple[str, int]:
    """Return the service and the database that a variable of the shop names."""
    url = urlsplit(stack.project.services["shop"].environment[variable])
    return url.hostname or "", int(url.path.strip("/") or 0)


def queues(stack: Stack) -> Queues:
    """Look at the messages and results in the places that the shop uses."""
    return look(stack.url(*place(stack, "BROKER_URL")), stack.url(*place(stack, "RESULT_URL")))


def waiting(stack: Stack) -> list[str]:
    """Return the ids of the messages that wait, in order."""
    return [message.id for messages in queues(stack).waiting.values() for message in messages]


def stored(stack: Stack, import_id: str) -> tuple[int, Result] | None:
    """Return the result that a worker stored at a task's end, with the number of its database."""
    service, _ = place(stack, "RESULT_URL")
    with redis.Redis.from_url(stack.url(service)) as store:
        databases = sorted(int(str(name).removeprefix("db")) for name in store.info("keyspace"))
    for database in databases:
        for result in look(stack.url(service, database)).results:
            if result.id == import_id and result.state in ENDS:
                return database, result
    return None


def answers(stack: Stack, service: str) -> bool:
    """Tell whether a Redis answers, which it does not while it loads its files."""
    try:
        with redis.Redis.from_url(stack.url(service)) as store:
            return bool(store.ping())
    except redis.RedisError:
        return False


@contextmanager
def recording(stack: Stack) -> Iterator[Recorder]:
    """Record what the worker runs."""
    broker = stack.url(*place(stack, "BROKER_URL"))
    try:
        with Recorder(broker, workers=1, timeout_s=WORKER_S) as recorder:
            yield recorder
    except NoWorkerError:
        raise Unmet(
            did="asked through the broker which workers are there",
            saw="no worker answered",
            expected="a worker that takes what the shop sends",
            look_at="compose.yaml, worker; and the end of its log",
        ) from None


def imported(stack: Stack, *files: int) -> list[str]:
    """Upload files with the given numbers of rows; return their ids when a worker has ended all."""
    with recording(stack) as recorder:
        ids = [upload(stack, rows) for rows in files]
        recorder.wait_for(
            lambda timeline: set(ids) <= {run.id for run in timeline.runs if run.ended},
            "the worker to end the imports that the shop gave ids for",
            DEADLINE_S,
        )
    return ids


def test_end_is_told(stack: Stack) -> None:
    """An import that has ended is done, or failed if its file was empty."""
    good, empty = imported(stack, 2, 0)
    said = [told(stack, good), told(stack, empty)]
    if said == ["done", "failed"]:
        return
    did = "uploaded a file and an empty one, and asked for both when the worker had ended them"
    saw = f"`{said[0]}` and `{said[1]}`"
    expected = "`done` and `failed`"
    found = stored(stack, good)
    require(
        found or "disabled://" not in stack.logs("worker"),
        did=did,
        saw=f"{saw}, for ever: the worker stored nothing. Its log says `results: disabled://`",
        expected=expected,
        look_at="tasks.py and compose.yaml: where does the worker's result backend come from?",
    )
    require(
        found,
        did=did,
        saw=f"{saw}, for ever: the worker knows a result backend and stored nothing there",
        expected=expected,
        look_at="tasks.py: whose result may be ignored?",
    )
    database = found[0] if found else 0
    asked = place(stack, "RESULT_URL")[1]
    require(
        database == asked,
        did=did,
        saw=f"{saw}: the worker stores results in database {database}, the shop asks {asked}",
        expected=expected,
        look_at="compose.yaml: RESULT_URL of the shop, and of the worker",
    )
    raise Unmet(did, saw, expected, "endpoint.py, import_state")


def test_foreign_id_is_unknown(stack: Stack) -> None:
    """An id that the shop never gave out is unknown."""
    said = told(stack, "no-such-import")
    require(
        said == "unknown",
        did="asked for an id that nobody has ever given out",
        saw=f"`{said}`",
        expected="`unknown`",
        look_at="endpoint.py: PENDING is what Celery says when it finds nothing. What do you "
        "write down when you give out an id?",
    )


def test_results_expire(stack: Stack) -> None:
    """A result goes after RESULT_EXPIRES_S seconds, and nothing else goes with it."""
    expires_s = float(stack.project.services["worker"].environment["RESULT_EXPIRES_S"])
    (import_id,) = imported(stack, 1)
    result = expiry(stack, import_id)
    require(
        result is None or result <= expires_s,
        did="looked at the result of an import in Redis",
        saw=f"it stays for another {result or 0:,.0f} s",
        expected=f"at most RESULT_EXPIRES_S = {expires_s:g} s",
        look_at="tasks.py, app.conf: when does a result expire?",
    )
    if result is None:
        watch_it_go(stack, import_id, expires_s)
    told(stack, import_id)  # ask before it expires, because a shop may remember its answers
    let_time_pass(stack, import_id)
    said = told(stack, import_id)
    require(
        said == "unknown",
        did="asked for an import that was done, when its result had expired",
        saw=f"`{said}`",
        expected="`unknown`: nothing is known about it any more",
        look_at="endpoint.py: for how long do you keep what you write down about an id?",
    )


def expiry(stack: Stack, import_id: str) -> float | None:
    found = stored(stack, import_id)
    return found[1].expires_s if found else 0.0


def watch_it_go(stack: Stack, import_id: str, expires_s: float) -> None:
    """Require that a result without a time to live goes all the same, and no message with it."""
    stack.stop("worker")
    before = len(waiting(stack))
    for _ in range(WAITING):
        ask(stack, "shop", PORT, "/emails", {"address": "customer@example.com"})
    did = f"let {WAITING} e-mails wait, and waited until a result without a time to live was gone"
    expected = "the result goes, and every message stays"
    try:
        until(lambda: not stored(stack, import_id), "the result to go", expires_s + 10)
    except TimeoutError:
        raise Unmet(
            did,
            f"it is still there after {expires_s + 10:g} s",
            expected,
            "tasks.py, app.conf: when does a result expire?",
        ) from None
    left = len(waiting(stack)) - before
    require(
        left >= WAITING,
        did=did,
        saw=f"it went, and {WAITING - max(left, 0)} of the {WAITING} waiting messages with it: "
        "FLUSHDB empties a database, and this one is the queue's as well",
        expected=expected,
        look_at="tasks.py, app.conf: Redis can forget one key when its time has come",
    )
    stack.start("worker")


def let_time_pass(stack: Stack, import_id: str) -> None:
    """Make each key of an import expire that has a time to live, as if that time had passed."""
    with redis.Redis.from_url(stack.url(*place(stack, "RESULT_URL"))) as store:
        for key in store.scan_iter(f"*{import_id}*"):
            if store.ttl(key) >= 0:
                store.pexpire(key, 1)
        until(lambda: not store.exists(f"{RESULT}{import_id}"), "the result to expire")


def test_email_leaves_nothing(stack: Stack) -> None:
    """An e-mail is sent and leaves no result."""
    before = {result.id for result in queues(stack).results}
    with recording(stack) as recorder:
        for _ in range(EMAILS):
            ask(stack, "shop", PORT, "/emails", {"address": "customer@example.com"})
        timeline = recorder.wait_for(
            lambda timeline: (
                sum(run.name == "tasks.send_email" for run in timeline.finished) >= EMAILS
            ),
            f"the worker to send {EMAILS} e-mails",
            DEADLINE_S,
        )
    left = {result.id for result in queues(stack).results} - before
    require(
        not left,
        did=f"ordered {EMAILS} times, and looked into Redis when the e-mails had been sent",
        saw=f"{len(left)} results that nobody will ever ask for, of "
        + ", ".join(sorted(Counter(run.name for run in timeline.runs if run.id in left))),
        expected="no result",
        look_at="tasks.py, send_email",
    )


def test_running_and_queued(stack: Stack) -> None:
    """An import is running while a worker works on it, and queued while it waits."""
    seen: list[str] = []
    with recording(stack) as recorder:
        import_id = upload(stack, rows=40)

        def has_ended() -> bool:
            said = told(stack, import_id)
            if said not in seen:
                seen.append(said)
            runs = recorder.timeline().runs
            return any(run.id == import_id and run.ended for run in runs) or said == "done"

        until(has_ended, "an import of 40 rows to end")
    require(
        "running" in seen,
        did="asked for an import of 40 rows again and again, from its upload to its end",
        saw=", then ".join(f"`{word}`" for word in seen),
        expected="`running` before `done`",
        look_at="tasks.py, app.conf: does a worker say that a task has started?",
    )
    stack.stop("worker")
    import_id = upload(stack, rows=1)
    said = told(stack, import_id)
    require(
        said == "queued",
        did="stopped the worker, uploaded a file and asked for it",
        saw=f"`{said}`",
        expected="`queued`",
        look_at="endpoint.py, start_import: what do you write down when you give out an id?",
    )
    stack.kill("shop")
    stack.start("shop")
    until(lambda: listens(stack, "shop", PORT), "the shop to listen again")
    said = told(stack, import_id)
    require(
        said == "queued",
        did="restarted the shop and asked for an import that still waits",
        saw=f"`{said}`",
        expected="`queued`",
        look_at="endpoint.py: where do you write it down? The shop's memory goes with its process",
    )


def test_full_redis_keeps_messages(stack: Stack) -> None:
    """Waiting imports survive a Redis whose memory is full."""
    service, _ = place(stack, "BROKER_URL")
    for _ in range(WAITING):
        upload(stack, rows=1)
    before = waiting(stack)
    last = before[-1]
    with redis.Redis.from_url(stack.url(*place(stack, "BROKER_URL"))) as store:
        until(lambda: is_idle(store), f"no key of the queue to be used for {IDLE_S} s")
    with redis.Redis.from_url(stack.url(service, 15)) as store:
        limit = store.info("memory")["used_memory"] + ROOM_BYTES
        old = store.config_get("maxmemory")["maxmemory"]
        store.config_set("maxmemory", limit)
        evicted = fill(store)
        store.flushdb()
        store.config_set("maxmemory", old)
    after = waiting(stack)
    did = f"filled Redis with other data while {len(before)} messages waited"
    expected = "Redis refuses to take more, and what it has stays"
    look_at = "compose.yaml, redis: what may it throw away to make room?"
    saw = f"{len(after)} messages: Redis threw away {evicted} keys to make room, the queue's too"
    require(after == before, did=did, saw=saw, expected=expected, look_at=look_at)
    said = told(stack, last)
    saw = f"the shop says `{said}` of an import that waits: Redis threw away {evicted} keys"
    require(said == "queued", did=did, saw=saw, expected=expected, look_at=look_at)


def is_idle(store: redis.Redis) -> bool:
    try:
        return all(
            (store.object("idletime", key) or 0) >= IDLE_S for key in store.scan_iter(_type="list")
        )
    except redis.ResponseError:  # under an LFU policy Redis counts uses instead of seconds
        return True


def fill(store: redis.Redis) -> int:
    """Write until Redis refuses, or has had to evict all that it may; return the evicted keys."""
    before = store.info("stats")["evicted_keys"]
    try:
        for number in range(FILLS):
            store.set(f"fill:{number}", bytes(FILL_BYTES))
    except redis.OutOfMemoryError:
        pass
    return int(store.info("stats")["evicted_keys"] - before)


def test_killed_redis_keeps_messages(stack: Stack) -> None:
    """Waiting imports survive a Redis that is killed, and one in a new container."""
    service, _ = place(stack, "BROKER_URL")
    before = waiting(stack)
    stack.kill(service)
    stack.start(service)
    until(lambda: answers(stack, service), "Redis to answer again")
    after = waiting(stack)
    require(
        after == before,
        did="killed Redis and started it again",
        saw=f"{len(after)} of {len(before)} messages",
        expected="the same messages in the same order",
        look_at="compose.yaml, redis: what does it write to its disk, and when?",
    )
    stack.scale(service, 0)
    stack.scale(service, 1)
    until(lambda: answers(stack, service), "Redis to answer again")
    after = waiting(stack)
    require(
        after == before,
        did="removed the container of Redis and made a new one",
        saw=f"{len(after)} of {len(before)} messages",
        expected="the same messages in the same order",
        look_at="compose.yaml, redis: where are its files when the container is gone?",
    )
