"""The requirements of lab 01, in the order of its README."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from celery import states

from taskyard.deadline import until
from taskyard.kit.contract import load
from taskyard.kit.queue import look
from taskyard.kit.recorder import NoWorkerError, Recorder
from taskyard.kit.requirement import Unmet, require
from taskyard.kit.stack import Stack

lab = load(Path(__file__).with_name("orders.py"))

PUBLISH = {"shop": lab.PORT}
EDIT = ("endpoint.py",)
EMAILS, DEADLINE_S = lab.EMAILS, lab.DEADLINE_S
LATE_S = 3.0
WORKER_S = 15.0
TRIES = 2
UNENDED = (states.PENDING, states.RECEIVED, states.STARTED)
HANDED = "endpoint.py, place_order: how many messages are there, and what does each of them carry?"


@pytest.fixture(scope="module")
def orders(stack: Stack) -> Iterator[lab.Orders]:
    """The orders that the check places, one test after the other."""
    orders = lab.Orders(stack)
    yield orders
    orders.app.close()


def test_answer_before_work(orders: lab.Orders) -> None:
    """The customer has the answer while the e-mails still wait to be sent."""
    # On a busy machine an e-mail may be sent between the answer and the look, so try again
    for number in range(TRIES):
        before = len(orders.ended())
        orders.place(f"early-{number}")
        seen = look(orders.broker, orders.backend)
        waiting = sum(map(len, seen.waiting.values())) + len(seen.unacknowledged)
        done = len(seen.results) - before
        if waiting and not done:
            return
        if not waiting and not done:
            break  # an e-mail that was sent would be a message or a result
        orders.wait_until_ended(before + EMAILS)
    saw = f"{waiting} messages, and {done} results: the customer waited until a worker was done"
    look_at = "what waits for a result makes the customer wait"
    if not waiting and not done:
        saw = "no message and no result: the shop sent the e-mails itself"
        look_at = "a task that is called like a function runs right there"
        with suppress(TimeoutError):
            late = until(lambda: orders.waiting() or orders.ended(), "a message", LATE_S)
            saw = f"no message, and {len(late)} of them a moment later: a shop that ends in between"
            saw += " has promised e-mails that nobody sends"
            look_at = "what happens after it has returned?"
    raise Unmet(
        did=f"ordered, with {EMAILS} e-mails, and looked into Redis when the answer came",
        saw=saw,
        expected="messages that still wait for the worker, and no e-mail that is sent already",
        look_at=f"endpoint.py, place_order: {look_at}",
    )


def test_worker_sends_each_once(stack: Stack, orders: lab.Orders) -> None:
    """A worker sends every e-mail once, however late it is."""
    orders.let_rest()
    require_one_task_each(stack, orders)
    stack.stop("worker")
    for number in (1, 2):  # of one customer, so that each address is ordered twice
        before = set(orders.waiting())
        orders.place("patient")
        now = set(orders.waiting())
        saw = f"{len(now - before)} new messages wait"
        if lost := len(before - now):
            saw = f"{lost} messages of the order before are gone, and nobody has sent those e-mails"
        elif now == before and (nodes := orders.app.control.inspect(timeout=1.0).ping()):
            saw += f": {', '.join(f'`{node}`' for node in nodes)} takes them, which is no service"
        require(
            not lost and len(now - before) == EMAILS,
            did=f"stopped the worker, and placed order {number} of one customer",
            saw=saw,
            expected=f"{EMAILS} new messages, one for each e-mail",
            look_at=HANDED,
        )
    messages = [one for queue in look(orders.broker).waiting.values() for one in queue]
    expires = [one.expires for one in messages if one.expires]
    require(
        not expires,
        did="read the messages that wait",
        saw=f"a worker throws {len(expires)} of them away unsent, from {min(expires, default='')}",
        expected="e-mails that are sent, however late the worker is",
        look_at="endpoint.py, place_order: with which options does it send?",
    )
    orders.restart_shop()
    more = set(orders.waiting()) - now
    require(
        not more,
        did="restarted the shop while the messages waited",
        saw=f"{len(more)} more messages, for e-mails that nobody has ordered",
        expected="the same messages",
        look_at="endpoint.py: what runs when the file is imported?",
    )
    stack.start("worker")
    ordered = len(orders.addresses)
    orders.wait_until_ended(ordered)
    missing = Counter(orders.addresses.values()) - orders.sent()
    require(
        not missing,
        did=f"compared the {ordered} e-mails that were ordered with those that were sent",
        saw=f"{missing.total()} are missing, such as one to `{next(iter(missing), '')}`",
        expected="each of them",
        look_at=HANDED,
    )


def require_one_task_each(stack: Stack, orders: lab.Orders) -> None:
    """Require that the worker runs one task for each e-mail of an order."""
    try:
        with Recorder(orders.broker, max(1, stack.workers()), timeout_s=WORKER_S) as recorder:
            ids = orders.place("once")
            orders.let_rest()
            runs = recorder.wait_for(
                lambda seen: all(run.ended for run in seen.runs), "the worker to end", DEADLINE_S
            ).runs
    except NoWorkerError:
        raise Unmet(
            did="asked through the broker which workers are there",
            saw=f"no worker answered, and {len(orders.waiting())} messages wait in Redis; "
            + stack.last_words(),
            expected="a worker that takes them",
            look_at="endpoint.py: does anything in it end the worker?",
        ) from None
    did = f"ordered, with {EMAILS} e-mails, and counted what the worker ran"
    wanted = [orders.addresses[one] for one in ids]
    sent = Counter(one for run in runs for one in wanted if repr(one) in run.arguments)
    twice = max(sent.values(), default=0)
    saw = f"{len(runs)} tasks, with e-mails to {len(sent)} of the {EMAILS} addresses, "
    require(
        len(sent) == len(runs) == EMAILS and twice == 1,
        did=did,
        saw=f"{saw}at most {twice} to one of them",
        expected=f"{EMAILS} tasks, each with the e-mail to another address",
        look_at=HANDED,
    )


def test_state_is_told(stack: Stack, orders: lab.Orders) -> None:
    """The shop tells whether an e-mail waits, is sent or has failed, also after a restart."""
    results = len(orders.ended())
    for one in orders.addresses:
        did = "asked for an e-mail that was sent, and ordered before the shop was restarted"
        orders.require_state(orders.told(one), did, "SUCCESS")
    require(
        (left := len(orders.ended())) == results,
        did=f"asked for {len(orders.addresses)} e-mails that are sent",
        saw=f"{results - left} of {results} results are gone from Redis",
        expected="an answer that the shop can give again: asking changes nothing",
        look_at="endpoint.py, email_state",
    )
    stack.stop("worker")
    told = orders.place("told")
    for one in (*told, *told):  # an answer may not depend on how often it is asked
        did = "stopped the worker, and asked for an e-mail that waits"
        orders.require_state(orders.told(one), did, *UNENDED)
    stack.start("worker")
    until(lambda: follow(orders, told), "the worker to send the e-mails of an order", DEADLINE_S)
    before = len(orders.ended())
    stack.stop("worker")
    failed = orders.place("failed")
    orders.limit_time()
    stack.start("worker")
    orders.wait_until_ended(before + EMAILS)
    for one in failed:
        did = f"had an e-mail fail, by a time limit of {lab.SOFT_S} s, and asked for it"
        orders.require_state(orders.told(one), did, "FAILURE")


def follow(orders: lab.Orders, emails: list[str]) -> bool:
    """Ask once for each e-mail, and compare with what is sent; tell whether all are sent."""
    sent = orders.sent()
    for one in emails:
        address = orders.addresses[one]
        state = orders.told(one)
        if address in sent:
            did = f"asked for the e-mail to `{address}`, which is sent"
            orders.require_state(state, did, "SUCCESS")
        elif address not in orders.sent():  # else it was sent meanwhile, and either is true
            did = f"asked for the e-mail to `{address}`, which is not sent yet"
            orders.require_state(state, did, *UNENDED)
    return all(orders.addresses[one] in sent for one in emails)
