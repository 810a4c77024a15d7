"""The requirements of lab 01, in the order of its README."""

from collections import Counter

from taskyard.kit.queue import look, wait_for
from taskyard.kit.recorder import NoWorkerError, Recorder
from taskyard.kit.requirement import Unmet, ask, require
from taskyard.kit.stack import Stack
from taskyard.kit.timeline import TaskRun

PORT = 8000
PUBLISH = {"shop": PORT}
EMAILS = 8
DEADLINE_S = 30.0
WORKER_S = 15.0
TRIES = 2


def addresses(customer: str) -> list[str]:
    return [f"{customer}-{number}@example.com" for number in range(EMAILS)]


def place_order(stack: Stack, customer: str) -> list[str]:
    """Place an order with an e-mail to each address of a customer; return the e-mails' ids."""
    ids = ask(stack, "shop", PORT, "/orders", addresses(customer))["ids"]
    require(
        isinstance(ids, list) and len(ids) == EMAILS,
        did=f"ordered, with {EMAILS} e-mails",
        saw=f"the ids {ids}",
        expected=f"{EMAILS} ids",
        look_at="endpoint.py, place_order: what does it return?",
    )
    return ids


def test_answer_before_work(stack: Stack) -> None:
    """The customer has the answer while the e-mails still wait to be sent."""
    broker, backend = stack.url("redis"), stack.url("redis", 1)
    # On a busy machine an e-mail may be sent between the answer and the look, so try again
    for number in range(TRIES):
        before = len(look(broker, backend).results)
        place_order(stack, f"early-{number}")
        seen = look(broker, backend)
        waiting = sum(map(len, seen.waiting.values())) + len(seen.unacknowledged)
        done = len(seen.results) - before
        if waiting and not done:
            return
        if not waiting and not done:
            break  # an e-mail that was sent would be a message or a result
        wait_until_sent(before + EMAILS, broker, backend)
    did = f"ordered, with {EMAILS} e-mails, and looked into Redis when the answer came"
    expected = "messages that still wait for the worker, and no e-mail that is sent already"
    require(
        waiting or done,
        did=did,
        saw="no message and no result: the shop sent the e-mails itself, the customer waiting",
        expected=expected,
        look_at="endpoint.py, place_order: a task that is called like a function runs right there",
    )
    raise Unmet(
        did=did,
        saw=f"{waiting} messages, and {done} results: the customer waited until a worker was done",
        expected=expected,
        look_at="endpoint.py, place_order: what waits for a result makes the customer wait",
    )


def wait_until_sent(emails: int, broker: str, backend: str) -> None:
    """Wait for the results, because a task that is acknowledged may still run."""
    wait_for(lambda seen: len(seen.results) >= emails, broker, backend, DEADLINE_S)


def runs_of(customer: str, runs: tuple[TaskRun, ...]) -> Counter[str]:
    """Count the successful executions for each address of a customer."""
    return Counter(
        address
        for run in runs
        for address in addresses(customer)
        if repr(address) in run.arguments and run.state == "SUCCESS"
    )


def test_worker_sends_each_once(stack: Stack) -> None:
    """A worker sends every e-mail once."""
    broker = stack.url("redis")
    look_at = "endpoint.py, place_order: what does each message carry?"
    try:
        with Recorder(broker, max(1, stack.workers()), timeout_s=WORKER_S) as recorder:
            place_order(stack, "once")
            wait_for(lambda seen: seen.is_quiet, broker, timeout_s=DEADLINE_S)
            last = recorder.wait_for(
                lambda seen: all(run.ended for run in seen.runs), "the worker to end", DEADLINE_S
            )
    except NoWorkerError:
        waiting = sum(map(len, look(broker).waiting.values()))
        raise Unmet(
            did="asked through the broker which workers are there",
            saw=f"no worker answered, and {waiting} messages wait in Redis; {stack.last_words()}",
            expected="a worker that takes them",
            look_at="compose.yaml: which service runs `celery -A tasks worker`?",
        ) from None
    sent = runs_of("once", last.runs)
    twice = max(sent.values(), default=0)
    require(
        len(sent) == EMAILS and twice == 1,
        did=f"ordered, with {EMAILS} e-mails, and counted what the worker ran",
        saw=f"e-mails to {len(sent)} of the {EMAILS} addresses, at most {twice} to one of them",
        expected=f"one e-mail to each of the {EMAILS}",
        look_at=look_at,
    )


def test_state_is_told(stack: Stack) -> None:
    """Asked for an e-mail, the shop tells that it is not sent yet, and later that it is."""
    broker, backend = stack.url("redis"), stack.url("redis", 1)
    before = len(look(broker, backend).results)
    last = place_order(stack, "told")[-1]
    at_once = ask(stack, "shop", PORT, f"/emails/{last}")["state"]
    require(
        at_once != "SUCCESS",
        did="asked for the last e-mail of an order at once",
        saw="SUCCESS, while its message still waited in Redis",
        expected="PENDING, RECEIVED or STARTED",
        look_at="endpoint.py, email_state",
    )
    wait_until_sent(before + EMAILS, broker, backend)
    state = ask(stack, "shop", PORT, f"/emails/{last}")["state"]
    require(
        state == "SUCCESS",
        did=f"asked for the same e-mail, `{last}`, when the worker had sent all of them",
        saw=state,
        expected="SUCCESS",
        look_at="endpoint.py: is the id that place_order returns the one that Celery gave?",
    )
