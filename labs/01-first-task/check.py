"""The requirements of lab 01, in the order of its README."""

import json
import urllib.request
from collections import Counter

from taskyard.check import Unmet, require
from taskyard.queue import look, wait_for
from taskyard.stack import Stack
from taskyard.timeline import NoWorkerError, Recorder

PUBLISH = {"shop": 8000}
ADDRESSES = [f"customer-{number}@example.com" for number in range(8)]
DEADLINE_S = 30.0
WORKER_S = 15.0


def place_order(stack: Stack) -> list[str]:
    """Order as a customer does; return the ids of the e-mails."""
    body = json.dumps(ADDRESSES).encode()
    with urllib.request.urlopen(
        f"{stack.http('shop', 8000)}/orders", body, timeout=DEADLINE_S
    ) as answer:
        return list(json.loads(answer.read())["ids"])


def state_of(stack: Stack, email_id: str) -> str:
    url = f"{stack.http('shop', 8000)}/emails/{email_id}"
    with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
        return str(json.loads(answer.read())["state"])


def test_answer_before_work(stack: Stack) -> None:
    """The customer has the answer while the e-mails still wait to be sent."""
    before = len(look(stack.url("redis"), stack.url("redis", 1)).results)
    place_order(stack)
    seen = look(stack.url("redis"), stack.url("redis", 1))
    waiting = sum(map(len, seen.waiting.values())) + len(seen.unacknowledged)
    done = len(seen.results) - before
    did = f"ordered, with {len(ADDRESSES)} e-mails, and looked into Redis when the answer came"
    expected = "messages that still wait for the worker"
    require(
        waiting or done,
        did=did,
        saw="no message and no result: the shop sent the e-mails itself, the customer waiting",
        expected=expected,
        look_at="endpoint.py, place_order: a task that is called like a function runs right there",
    )
    require(
        waiting,
        did=did,
        saw=f"no message, and {done} results: the worker had sent every e-mail by then",
        expected=expected,
        look_at="endpoint.py, place_order: what waits for a result makes the customer wait",
    )


def test_worker_sends_each_once(stack: Stack) -> None:
    """A worker sends every e-mail once."""
    broker = stack.url("redis")
    try:
        recorder = Recorder(broker, workers=1, timeout_s=WORKER_S)
        with recorder:
            wait_for(lambda seen: seen.is_quiet, broker, timeout_s=DEADLINE_S)  # the order before
            place_order(stack)
            recorder.wait(ended=len(ADDRESSES), timeout_s=DEADLINE_S)
            wait_for(lambda seen: seen.is_quiet, broker, timeout_s=DEADLINE_S)
    except NoWorkerError:
        waiting = sum(map(len, look(broker).waiting.values()))
        raise Unmet(
            did="asked through the broker which workers are there",
            saw=f"no worker answered, and {waiting} messages wait in Redis",
            expected="a worker that takes them",
            look_at="compose.yaml: which service runs `celery -A tasks worker`?",
        ) from None
    runs = Counter(run.name for run in recorder.timeline().runs if run.ended)
    require(
        runs == {"tasks.send_email": len(ADDRESSES)},
        did=f"ordered, with {len(ADDRESSES)} e-mails, and counted what the worker ran",
        saw=", ".join(f"{count} x {name}" for name, count in runs.items()),
        expected=f"{len(ADDRESSES)} x tasks.send_email",
        look_at="endpoint.py, place_order",
    )


def test_state_is_told(stack: Stack) -> None:
    """Asked for an e-mail, the shop tells that it is not sent yet, and later that it is."""
    broker, backend = stack.url("redis"), stack.url("redis", 1)
    before = len(look(broker, backend).results)
    ids = place_order(stack)
    last = ids[-1]
    at_once = state_of(stack, last)
    require(
        at_once != "SUCCESS",
        did="asked for the last e-mail of an order at once",
        saw="SUCCESS, while its message still waited in Redis",
        expected="PENDING, RECEIVED or STARTED",
        look_at="endpoint.py, email_state",
    )
    wait_for(lambda seen: len(seen.results) >= before + len(ids), broker, backend, DEADLINE_S)
    state = state_of(stack, last)
    require(
        state == "SUCCESS",
        did=f"asked for the same e-mail, `{last}`, when the worker had sent all of them",
        saw=state,
        expected="SUCCESS",
        look_at="endpoint.py: is the id that place_order returns the one that Celery gave?",
    )
