"""The requirements of lab 04, in the order of its README."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle

import redis

from taskyard.deadline import patient, until
from taskyard.kit.blame import place_in
from taskyard.kit.requirement import Unmet, ask, listens, require
from taskyard.kit.stack import Stack

PORT, MODEL_PORT = 8000, 9000
PUBLISH = {"shop": PORT, "model": MODEL_PORT}
SHOPS = (1, 2)
CALLERS = 50
WORK_S = 1.0
QUICK_S = 0.02
DEADLINE_S = 30.0
"""For an answer; many at once, or late ones, have more on a slow machine."""
TTL_S = 600
SPREAD_S = 15
TRIES = 3


@dataclass(frozen=True)
class Said:
    """A shop's answer, and the seconds that its customer waited for it."""

    status: int
    answer: object
    seconds: float


def call(
    stack: Stack,
    path: str,
    *args: object,
    shop: int = 1,
    method: str = "POST",
    timeout_s: float = DEADLINE_S,
    **kwargs: object,
) -> Said:
    """
    Call a function of one of the two shops.

    Raises:
        Unmet: The shop broke the connection; quotes the end of its log.
    """
    content = json.dumps({"args": args, "kwargs": kwargs})
    address = stack.http("shop", PORT, shop) + path
    request = urllib.request.Request(address, content.encode(), method=method)
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as reply:
            status, answer = reply.status, json.load(reply).get("answer")
    except urllib.error.HTTPError as error:
        status, answer = error.code, None
    except (ConnectionError, urllib.error.URLError, ValueError):
        raise Unmet(
            did=f"called {path} with {content}",
            saw=f"no answer; the shop's log ends with: {stack.last_line('shop', shop)}",
            expected="an answer",
            look_at=place_in(stack.logs("shop", shop), stack.project.folder) or "cache.py",
        ) from None
    return Said(status, answer, time.monotonic() - began)


def plan(stack: Stack, prompt: str, *calls: dict[str, object]) -> None:
    """Plan the model's next calls for a prompt; calls after those do as the last one."""
    ask(stack, "model", MODEL_PORT, "/plan", {"prompt": prompt, "calls": calls})


def calls(stack: Stack, prompt: str) -> int:
    """Count how often the model was called for a prompt."""
    return int(ask(stack, "model", MODEL_PORT, "/calls").get(prompt, 0))


def store_of(stack: Stack) -> redis.Redis:
    """Return the cache that the shop uses."""
    return redis.Redis.from_url(stack.url_of("CACHE_URL"), decode_responses=True)


def lock_s(stack: Stack) -> float:
    return float(stack.project.services["shop"].environment["LOCK_S"])


def crowd(stack: Stack, prompts: Sequence[str]) -> list[Said]:
    """Ask for all prompts at the same moment, half of them in each shop."""
    timeout_s = patient(DEADLINE_S)

    def ask_one(prompt: str, shop: int) -> Said:
        return call(stack, "/answer", prompt, shop=shop, timeout_s=timeout_s)

    with ThreadPoolExecutor(len(prompts)) as pool:
        return list(pool.map(ask_one, prompts, cycle(SHOPS)))


def test_falsy_answers(stack: Stack) -> None:
    """An empty answer, a zero, a False or a None is asked for once."""
    ask(stack, "model", MODEL_PORT, "/usual", {"seconds": QUICK_S})
    for value in ("", 0, [], {}, False, None):
        prompt = f"an answer that is {value!r}"
        plan(stack, prompt, {"answer": value})
        said = [call(stack, "/answer", prompt).answer for _ in range(3)]
        count = calls(stack, prompt)
        require(
            said == [value] * 3 and count == 1,
            did=f"asked three times for an answer that is `{value!r}`",
            saw=f"the answers {said}, and {count} calls of the model",
            expected=f"`{value!r}` each time, and one call",
            look_at="cache.py: how do you tell an answer from no entry?",
        )


def test_spelling(stack: Stack) -> None:
    """One question has one key, however it is spelled."""
    prompt = "one question"
    spelled: list[tuple[tuple[object, ...], dict[str, object]]] = [
        ((prompt,), {"model": "small", "temperature": 0.5}),
        ((prompt,), {"temperature": 0.5, "model": "small"}),
        ((), {"temperature": 0.5, "prompt": prompt}),
        ((prompt, "", "small", 0.5), {}),
    ]
    for args, kwargs in spelled:
        call(stack, "/answer", *args, **kwargs)
    count = calls(stack, prompt)
    require(
        count == 1,
        did=f"spelled one question in {len(spelled)} ways: another order, names or places, "
        "defaults left out or written",
        saw=f"{count} calls of the model",
        expected="one",
        look_at="cache.py: `inspect.signature` knows what the arguments of a call are",
    )
    call(stack, "/answer", prompt, temperature=1.0)
    count = calls(stack, prompt)
    require(
        count == 2,
        did="asked the same with another temperature",
        saw="the old answer",
        expected="another call: this is another question",
        look_at="cache.py: what is a part of the key?",
    )


def test_dates_and_sets(stack: Stack) -> None:
    """Equal dates and equal sets are one question in both shops."""
    # With fewer strings, two processes would too often put them into the same order
    tags = ["red", "blue", "green", "small", "large", "soft", "new", "old", "round", "tall"]
    prompt = f"offers of 27 November for {', '.join(sorted(tags))}"
    for shop in SHOPS:
        call(stack, "/offers", {"date": "2026-11-27"}, {"set": tags}, shop=shop)
    count = calls(stack, prompt)
    require(
        count == 1,
        did="asked both shops for the offers of one day and one set of tags",
        saw=f"{count} calls of the model: one set has another text in each process",
        expected="one call",
        look_at="cache.py: what do you make of an argument that JSON does not know?",
    )


def test_names(stack: Stack) -> None:
    """Functions of two modules share a name, and no answer."""
    said = [call(stack, path, "lamp").answer for path in ("/describe", "/reviews")]
    expected = ["about lamp, for its page", "about lamp, as customers see it"]
    require(
        said == expected,
        did="called `describe` of catalog.py and `describe` of reviews.py for a lamp",
        saw=" and ".join(f"`{one}`" for one in said),
        expected=" and ".join(f"`{one}`" for one in expected),
        look_at="cache.py: which function is it whose answer you store?",
    )


def test_errors(stack: Stack) -> None:
    """An error is not remembered: the next customer gets an answer at once."""
    did = "had the model fail once, and asked again when it worked"
    for number in range(TRIES):
        prompt = f"a question in bad moment {number}"
        plan(stack, prompt, {"status": 503}, {"answer": "in a good one"})
        began = time.monotonic()
        first, second = (call(stack, "/answer", prompt, shop=shop) for shop in SHOPS)
        seconds = time.monotonic() - began
        require(
            (first.status, second.answer) == (502, "in a good one"),
            did=did,
            saw=f"status {first.status}, then {second.status}, and {calls(stack, prompt)} calls of "
            "the model: a failure was remembered",
            expected="an error, then an answer",
            look_at="cache.py: what do you do with an exception?",
        )
        # A lock that is not released delays every answer until it expires, each time
        if seconds < lock_s(stack):
            return
    raise Unmet(
        did=did,
        saw=f"an answer after {second.seconds:.1f} s: nobody worked, and a lock was held",
        expected="an answer at once",
        look_at="cache.py: who frees the lock when the work fails?",
    )


def test_every_key_expires(stack: Stack) -> None:
    """Every key goes within its time, and not all at one moment."""
    store = store_of(stack)
    before = set(store.scan_iter())
    said = crowd(stack, [f"question {number}" for number in range(20)])
    until(lambda: not any(key.endswith("lock") for key in store.scan_iter()), "locks to go")
    left = {key: store.ttl(key) for key in store.scan_iter()}
    stays = [key for key, ttl_s in left.items() if ttl_s == -1]
    require(
        not stays,
        did="asked Redis for the time to live of each key",
        saw=f"{len(stays)} of {len(left)} keys stay for ever, such as `{next(iter(stays), '')}`",
        expected="each has one",
        look_at="cache.py: what do you write, and for how long?",
    )
    new = [ttl_s for key, ttl_s in left.items() if key not in before and ttl_s > 0]
    did = f"asked {len(said)} questions at one moment, with ttl_s={TTL_S}"
    require(
        len(new) >= len(said) and max(new) <= 2 * TTL_S,
        did=did,
        saw=f"{len(new)} new keys; the last one goes in {max(new, default=0)} s",
        expected=f"{len(said)} keys that go within {TTL_S} s",
        look_at="cache.py: how long does an answer stay?",
    )
    new = sorted(new)[: len(said)]
    require(
        new[-1] - new[0] >= SPREAD_S,
        did=did,
        saw=f"they all go within {new[-1] - new[0]} s of each other: a crowd at that moment",
        expected=f"times to live that differ, by {SPREAD_S} s at least",
        look_at="cache.py: how long does an answer stay, exactly?",
    )


def test_forget(stack: Stack) -> None:
    """A function forgets its answers without KEYS, and nothing else goes with them."""
    store = store_of(stack)
    store.set("basket:7", "a lamp", ex=TTL_S)
    for path in ("/describe", "/reviews"):
        call(stack, path, "chair")
    before = commands(store)
    call(stack, "/describe", method="DELETE")
    used = sorted(name for name, count in commands(store).items() if count > before.get(name, 0))
    for path in ("/describe", "/reviews"):
        call(stack, path, "chair", shop=2)
    did = "had the shop forget what `describe` of catalog.py returned"
    forgotten = calls(stack, "chair, for its page")
    require(
        forgotten == 2,
        did=f"{did}, and asked the other shop for it",
        saw=f"{forgotten} calls of the model: the old answer is still there",
        expected="a second call",
        look_at="cache.py, forget",
    )
    require(
        store.exists("basket:7") and calls(stack, "chair, as customers see it") == 1,
        did=did,
        saw="other things gone from Redis as well",
        expected="the basket, and what `describe` of reviews.py returned",
        look_at="cache.py, forget: what does the command take with it?",
    )
    require(
        "keys" not in used,
        did=f"{did}, and asked Redis for the commands that it got",
        saw=f"{', '.join(used)}: KEYS looks at every key of Redis, and all others wait",
        expected="no KEYS",
        look_at="cache.py, forget: a key can be named so that nobody finds it any more",
    )


def commands(store: redis.Redis) -> dict[str, int]:
    """Return how often Redis has got each command."""
    return {
        name.removeprefix("cmdstat_"): about["calls"]
        for name, about in store.info("commandstats").items()
    }


def test_one_call_for_a_crowd(stack: Stack) -> None:
    """Fifty callers in two processes make one call of the model."""
    ask(stack, "model", MODEL_PORT, "/usual", {"seconds": WORK_S})
    prompt = "what everybody asks"
    said = crowd(stack, [prompt] * CALLERS)
    count = calls(stack, prompt)
    answers = {one.answer for one in said}
    require(
        count == 1 and answers == {f"about {prompt}"},
        did=f"had {CALLERS} customers ask two shops the same at one moment",
        saw=f"{count} calls of the model"
        + (": one in each shop. They share Redis, and no memory" if count == 2 else ""),
        expected="one call, and its answer for all",
        look_at="cache.py: who computes, and what do the others do meanwhile?",
    )


def test_nobody_queues(stack: Stack) -> None:
    """They do not queue: none of them waits twice as long as that call takes."""
    store = store_of(stack)
    alone = call(stack, "/answer", "what nobody else asks").seconds
    known = ["what nobody else asks"] * CALLERS
    # The time that a crowd takes for known answers. On a busy machine it varies, hence the tries
    crowded = min(longest(crowd(stack, known)) for _ in range(TRIES))
    for number in range(TRIES):
        before = changes(store)
        slowest = longest(crowd(stack, [f"everybody's question {number}"] * CALLERS)) - crowded
        changed = changes(store) - before
        if slowest < 2 * alone:
            break
    # A queue may be quick by luck, but in a queue each of them takes the lock
    queued = changed >= CALLERS
    require(
        slowest < 2 * alone and not queued,
        did=f"had {CALLERS} customers ask the same at one moment",
        saw=f"the last one waited {slowest:.1f} s for the call of another one, "
        f"{slowest / alone:.1f} times as long as it takes"
        + (f"; Redis was changed {changed} times: each of them took a lock" if queued else ""),
        expected="less than twice, and no queue",
        look_at="cache.py: does each of them wait for a lock, or for the value?",
    )


def longest(said: Sequence[Said]) -> float:
    return max(one.seconds for one in said)


def changes(store: redis.Redis) -> int:
    """Count the changes that Redis has made to its data; a failed try to lock is none."""
    return int(store.info("persistence")["rdb_changes_since_last_save"])


def test_killed_shop(stack: Stack) -> None:
    """A killed shop holds back the other one for LOCK_S seconds at most."""
    prompt = "asked of a shop that is killed"
    plan(stack, prompt, {"seconds": DEADLINE_S}, {"seconds": QUICK_S})
    with ThreadPoolExecutor(1) as pool:
        pool.submit(call, stack, "/answer", prompt, shop=1)
        until(lambda: calls(stack, prompt), "the model to be called")
        stack.kill("shop", 1)
    limit_s = patient(2 * lock_s(stack))
    try:
        is_late = call(stack, "/answer", prompt, shop=2, timeout_s=limit_s).seconds > limit_s
    except TimeoutError:
        is_late = True
    stack.start("shop", 1)
    require(
        not is_late,
        did="killed a shop while it waited for the model, and asked the other one the same",
        saw=f"no answer within {limit_s:g} s",
        expected=f"an answer: LOCK_S is {lock_s(stack):g}",
        look_at="cache.py: what becomes of a lock whose holder is gone?",
    )


def test_late_shop(stack: Stack) -> None:
    """A shop that is late does not free a lock that another one has taken."""
    until(lambda: listens(stack, "shop", PORT), "the killed shop to listen again")
    late_s = lock_s(stack) + 0.6
    for number in range(TRIES):
        prompt = f"asked of a shop that is late, {number}"
        plan(stack, prompt, {"seconds": late_s, "status": 503}, {"seconds": 1.5 * WORK_S})
        ask_it = partial(call, stack, "/answer", prompt, timeout_s=patient(DEADLINE_S))
        counted = partial(calls, stack, prompt)
        with ThreadPoolExecutor(2) as pool:
            late = pool.submit(ask_it, shop=1)
            until(counted, "the model to be called")
            other = pool.submit(ask_it, shop=2)
            late.result()
            before = counted()
            third = ask_it(shop=1)
            other.result()
        count = counted()
        require(
            count == 2 and third.status == 200,
            did=f"had a shop work for {late_s:g} s and fail, while LOCK_S is {lock_s(stack):g} and "
            "the other shop had taken over; then a third customer asked",
            saw=f"{count} calls of the model: the late shop freed a lock that was not its own",
            expected="two, of the late shop and of the other one; the third customer waits for "
            "that",
            look_at="cache.py: whose lock is it that you delete?",
        )
        # The two calls show nothing if the other shop had not taken over by then, or had ended
        # before the third customer asked
        if before == 2 and third.seconds > WORK_S / 2:
            return
