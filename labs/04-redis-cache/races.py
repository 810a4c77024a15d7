"""Races of two shops, each forced: a customer is stopped at every message to Redis in turn."""

import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from taskyard.deadline import BusyError, slowness, until
from taskyard.kit.contract import load
from taskyard.kit.requirement import Unmet, require

shops = load(Path(__file__).with_name("shops.py"))
LOCK_S = shops.LOCK_S
CALLERS = 50
GIVES_UP_S = 2.2 * LOCK_S
TRIES = 3
PART = 0.75
"""Of LOCK_S; until then a lock is surely held."""
HELD_S = (0.4, 0.75, 2.1)
"""How long the model takes for customers who may look for its answer ever more seldom."""
OK = 200
BUSY = 1.5
"""The slowness from which on a pause that is too long may be the machine's."""


def slow(unmet: Unmet) -> Exception:
    """Return what is unmet, or a BusyError if a busy machine may be the reason."""
    if slowness() > BUSY:
        return BusyError(f"tried in vain: {unmet.did}", unmet.saw)
    return unmet


def gather(two: Any, path: str, end: str, wait_s: float = 0) -> None:
    """
    Have a crowd ask both shops the same while the model is held.

    Args:
        end: What the function adds to its argument before it asks the model.
        wait_s: How much longer the model is held than until all are there.
    """
    question = "what everybody asks"
    prompt = question + end
    two.plan(prompt, {"held": True})
    crowd = [two.start(path, question, shop=1 + number % 2) for number in range(CALLERS)]
    until(lambda: two.inside() == CALLERS or any(map(Future.done, crowd)), "a crowd in the shops")
    two.keep()
    for shop in (1, 2):
        two.looks(shop, lambda: False)
    count = two.calls(prompt)
    require(
        count == 1,
        did=f"had {CALLERS} customers ask two shops the same at one moment, at {path}",
        saw=f"{count} calls of the model"
        + (": one in each shop. They share Redis, and no memory" if count == 2 else ""),
        expected="one call, and its answer for all",
        look_at="cache.py: who computes, and what do the others do meanwhile?",
    )
    time.sleep(wait_s)
    two.finish(prompt)
    wrong = {str(one.answer) for one in two.answers(crowd) if prompt not in str(one.answer)}
    count = two.calls(prompt)
    require(
        count == 1 and not wrong,
        did=f"had {CALLERS} customers wait for an answer that takes {wait_s:.0f} s",
        saw=f"{count} calls of the model, and the answers {sorted(wrong)}: somebody gave up",
        expected="one call, and its answer for all",
        look_at="cache.py: how long does somebody watch, and what do they do then?",
    )


def ask_within_lock(two: Any) -> None:
    """Ask both shops the same, the second one when most of LOCK_S has passed."""
    for number in range(TRIES):
        prompt = f"asked before LOCK_S is over, {number}"
        two.plan(prompt, {"held": True})
        began = time.monotonic()
        first = two.begin("/answer", prompt)
        two.pass_time(PART * LOCK_S)
        two.keep()
        in_time = time.monotonic() - began < (1 - PART) * LOCK_S / 2
        second = two.start("/answer", prompt, shop=2)
        two.looks(2, lambda: two.calls(prompt) > 1)  # noqa: B023
        count = two.calls(prompt)
        two.finish(prompt)
        two.answers([first, second])
        require(
            count == 1 or not in_time,
            did=f"asked the other shop the same when {PART:.0%} of LOCK_S had passed",
            saw="a second call of the model, while the first one was under way",
            expected="one call: the first shop may still be at work",
            look_at="cache.py: how long is the lock held?",
        )
        if in_time:
            return
    raise BusyError("tried to be quicker than the expiry of a lock")


def hesitate(two: Any) -> None:
    """Stop a customer at each message in turn, until another one has asked the same."""
    question = "asked by one who hesitates, {}".format
    for after, first in enumerate(two.stops("/answer", question)):
        two.keep()
        second = two.start("/answer", question(after), shop=2)
        two.looks(2, second.done)
        two.release(1)
        two.answers([first, second])
        require(
            two.calls(question(after)) == 1,
            did="stopped a customer between two messages to Redis, until another one had an answer",
            saw="a second call of the model: the first one worked though the answer was there",
            expected="one call",
            look_at="cache.py: who gets the lock has looked for an answer, but when?",
        )


def ask_something_else(two: Any) -> None:
    """Ask both shops while customers in both wait for the answers to other questions."""
    slow = ["a long story", "another long story"]
    for prompt in slow:
        two.plan(prompt, {"held": True})
    busy = [two.begin("/answer", prompt, shop=shop) for shop, prompt in enumerate(slow, 1)]
    two.keep()
    busy += [two.start("/answer", prompt, shop=3 - n) for n, prompt in enumerate(slow, 1)]
    for shop in (1, 2):
        two.looks(shop, lambda: False)
    held = Unmet(
        did="held the model, so that customers wait, and asked each shop something else",
        saw="no answer: one question holds back another one",
        expected="an answer, whatever else is asked",
        look_at="cache.py: what do two different questions share?",
    )
    two.answers([two.start("/answer", "a short word", shop=shop) for shop in (1, 2)], held)
    for prompt in slow:
        two.finish(prompt)
    two.answers(busy)


def stop_in_a_queue(two: Any) -> None:
    """
    Stop one of those who wait for an answer, once it is there.

    Three customers ask the same: the first works, the second is in the same shop, the third in the
    other one. Both are stopped until the answer is there; then the third one does a little more.
    """
    queued = Unmet(
        did="had customers wait for an answer; when it was there, stopped one of them",
        saw="no answer for the others until that one goes on: each of them takes the lock in turn",
        expected="the answer that is there, for all others",
        look_at="cache.py: does each of them wait for a lock, or for the value?",
    )
    for after in range(TRIES):
        prompt = f"everybody's question {after}"
        two.plan(prompt, {"held": True})
        first = two.begin("/answer", prompt)
        two.keep()
        second, third = (two.start("/answer", prompt, shop=shop) for shop in (1, 2))
        for shop in (1, 2):
            two.looks(shop, lambda: False)
            two.hold(shop)
            if not two.soon(lambda: two.held(shop)):  # noqa: B023
                two.release(shop)
        two.finish(prompt)
        is_done = two.soon(first.done)  # it is not if a helper of its own was stopped
        if is_done:
            two.release(2, after=after)
            two.soon(lambda: third.done() or two.held(2))  # noqa: B023
            two.keep()  # who is stopped holds its lock, if it has one
        two.release(1)
        two.answers([first, second] if is_done else [first], queued)
        two.release(2)
        two.answers([second, third], queued)


def look_in_time(two: Any) -> None:
    """Let customers watch for answers that take more or less long, and time the last one."""
    found = []
    for number in range(TRIES):
        prompts = {held_s: f"watched for during {held_s} s, {number}" for held_s in HELD_S}
        waiting: dict[float, list[Future[Any]]] = {}
        began = {}
        for held_s, prompt in prompts.items():
            two.plan(prompt, {"held": True})
            waiting[held_s] = [two.begin("/answer", prompt)]
            began[held_s] = time.monotonic()
            two.keep()
            waiting[held_s] += [two.start("/answer", prompt, shop=shop) for shop in (1, 2)]
        worst = (0.0, 0.0, 0.0)
        for held_s, prompt in prompts.items():
            time.sleep(max(0, began[held_s] + held_s - time.monotonic()))
            finished = time.monotonic()
            two.finish(prompt)
            late_s = max(one.at_s for one in two.answers(waiting[held_s])) - finished
            worst = max(worst, (late_s / held_s, held_s, late_s))
        found.append(worst)
        if worst[0] < 1:
            return
    _, held_s, late_s = min(found)
    raise slow(
        Unmet(
            did=f"had customers wait for an answer that takes {held_s:g} s",
            saw=f"the last one had it {late_s:.1f} s after it was there",
            expected="less than twice the time of the call in all",
            look_at="cache.py: how often does somebody look who watches for the value?",
        )
    )


def kill(two: Any) -> None:
    """Kill a shop whose customers are stopped at each message, while others ask the same."""
    known, prompts = "known before a shop is killed", ["asked of a shop that is killed at work"]
    two.call("/answer", known)

    def question(after: int) -> str:
        prompts.insert(0, f"asked of a shop that is killed, {after}")
        return prompts[0]

    for _ in two.stops("/answer", question):
        pass
    two.plan(prompts[-1], {"held": True}, {})
    two.begin("/answer", prompts[-1])
    others = [two.start("/answer", prompt, shop=2) for prompt in prompts]
    times = 4 * len(others)

    def are_done() -> bool:
        return all(one.done() for one in others)

    two.looks(2, are_done, times)
    two.stack.kill("shop")
    two.release(1, passes=False)
    two.pass_time(LOCK_S / 2)
    two.looks(2, are_done, times)  # who watches may not make the lock last longer
    two.pass_time(LOCK_S / 2)
    stays = two.for_ever()
    two.keep()
    stuck = Unmet(
        did="killed a shop whose customers were stopped after each of their messages to Redis, "
        "while the other shop was asked the same, and let LOCK_S pass in Redis",
        saw="no answer in the other shop: "
        + (
            f"after {len(stays)} of {len(prompts)} of them a lock stays for ever"
            if stays
            else "a lock stays longer than LOCK_S"
        ),
        expected=f"an answer after LOCK_S, which is {LOCK_S:g} here",
        look_at="cache.py: what becomes of a lock whose holder is gone, at whatever moment?",
    )
    two.answers(others, stuck)
    two.restart(1)
    two.call("/answer", known)
    count = two.calls(known)
    require(
        count == 1,
        did="started the killed shop again, and asked what the cache had known before",
        saw=f"{count} calls of the model: what was in Redis is gone",
        expected="the answer that was there",
        look_at="cache.py: what happens when a shop starts?",
    )


def be_late(two: Any, status: int, shop: int) -> None:
    """
    Stop a customer at each message after the work, until another one in a shop has taken over.

    Args:
        status: What the model answers the late one; 503 is an error.
    """

    def question(after: int) -> str:
        prompt = f"asked of a shop that is late: {status}, {shop}, {after}"
        two.plan(prompt, {"status": status})
        return prompt

    fine = 0
    for after, first in enumerate(two.stops("/answer", question)):
        prompt = f"asked of a shop that is late: {status}, {shop}, {after}"
        if not two.calls(prompt):
            two.release(1)
            two.answers([first])
            continue
        two.plan(prompt, {"held": True})
        two.pass_time(LOCK_S)
        before = two.keys()
        second = two.start("/answer", prompt, shop=shop)
        two.soon(lambda: second.done() or two.calls(prompt) > 1)  # noqa: B023
        has_taken_over = two.calls(prompt) > 1
        two.keep()
        taken = two.keys() - before
        two.release(1)
        two.answers([first])
        lost = taken - two.keys()
        third = two.start("/answer", prompt)
        two.looks(1, lambda: third.done() or two.calls(prompt) > 2)  # noqa: B023
        calls = two.calls(prompt)
        two.finish(prompt)
        two.answers([second, third])
        end = "succeeded" if status == OK else "failed"
        require(
            not has_taken_over or (calls == 2 and not (status == OK and lost)),
            did=f"stopped a customer after the work, which {end}, until another one in the "
            f"{'same' if shop == 1 else 'other'} shop had taken over; then let the first one go "
            "on, and a third one ask",
            saw=f"{calls} calls of the model, and {len(lost)} keys gone: the late shop freed a "
            + ("lock that was its own one message before" if fine else "lock that was not its own"),
            expected="two calls, and the lock of who has taken over is still there",
            look_at="cache.py: whose lock is it that you delete, at that very moment?",
        )
        fine += has_taken_over
