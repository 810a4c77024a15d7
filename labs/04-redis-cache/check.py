"""The requirements of lab 04, in the order of its README."""

import json
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from taskyard.kit.contract import load
from taskyard.kit.guarded import GuardedFolder
from taskyard.kit.requirement import Unmet, require
from taskyard.kit.stack import Stack

PUBLISH = {"shop": 8000, "other": 8000, "gate": 9000}
EDIT = ("cache.py",)
VALUES = ("", 0, [], {}, False, None, {"lamps": [1, 2.5, None]})
TAGS = ["red", "blue", "green", "small", "large", "soft", "new", "old", "round", "tall"]
"""With fewer strings, two processes would too often put them into the same order."""
FUNCTIONS = (
    ("/answer", "", 600),
    ("/exam_lamps", " of exam_lamps", 3000),
    ("/describe", ", for its page", 600),
)
"""Where a shop calls it, what it adds to a question before it asks the model, and its ttl_s."""
DAY_S = 86400
TRIES = 3
AT_ONCE_S = 0.75

HERE = Path(__file__).parent
shops, questions, races = (load(HERE / f"{one}.py") for one in ("shops", "questions", "races"))
Shops, LOCK_S = shops.Shops, shops.LOCK_S


@pytest.fixture(scope="module")
def folder(folder: Path) -> Iterator[Path]:
    """The learner's files in a stack of the check's, in which it can hold each message."""
    with GuardedFolder("taskyard-cache-") as guarded:
        yield shops.prepare(folder, guarded.path / "exam")


@pytest.fixture(scope="module")
def two(stack: Stack) -> Shops:
    """The two shops of that stack."""
    return Shops(stack)


def test_falsy_answers(two: Shops) -> None:
    """An empty answer, a zero, a False or a None is asked for once."""
    for value in VALUES:
        prompt = f"an answer that is {value!r}"
        two.plan(prompt, {"answer": value})
        said = [two.call("/answer", prompt).answer for _ in range(3)]
        count = two.calls(prompt)
        require(
            json.dumps(said) == json.dumps([value] * 3) and count == 1,
            did=f"asked three times for an answer that is `{value!r}`",
            saw=f"the answers {said}, and {count} calls of the model",
            expected=f"`{value!r}` each time, and one call",
            look_at="cache.py: how do you tell an answer from no entry?",
        )


def test_spelling(two: Shops) -> None:
    """One question has one key, however it is spelled, and no other question has that."""
    prompt = "one question"
    asked = {"system": "", "model": "small", "temperature": 0.5}
    for shop in shops.SHOPS:
        two.call("/answer", prompt, shop=shop, **asked)
    count = two.calls(prompt)
    require(
        count == 1,
        did="asked both shops one question, spelled alike",
        saw=f"{count} calls of the model: the key differs from process to process",
        expected="one",
        look_at="cache.py: what is it in your key that another process does not share?",
    )
    two.call("/answer", prompt, temperature=0.5, model="small")
    two.call("/answer", temperature=0.5, prompt=prompt)
    two.call("/answer", prompt, "", "small", 0.5)
    count = two.calls(prompt)
    require(
        count == 1,
        did="spelled one question in four ways: another order, names or places, "
        "defaults left out or written",
        saw=f"{count} calls of the model",
        expected="one",
        look_at="cache.py: `inspect.signature` knows what the arguments of a call are",
    )
    questions.each_has_its_answer(two)


def test_dates_and_sets(two: Shops) -> None:
    """Equal dates and equal sets are one question in both shops, and others are not."""
    before = two.all_calls()
    for shop in shops.SHOPS:
        two.call("/offers", {"date": "2026-11-27"}, {"set": TAGS}, shop=shop)
    count = two.all_calls() - before
    require(
        count == 1,
        did="asked both shops for the offers of one day and one set of tags",
        saw=f"{count} calls of the model: one set has another text in each process",
        expected="one call",
        look_at="cache.py: what do you make of an argument that JSON does not know?",
    )
    questions.each_day_is_another(two)


def test_names(two: Shops) -> None:
    """Functions of two modules share a name, and no answer."""
    said = [two.call(path, "lamp").answer for path in ("/describe", "/reviews")]
    expected = ["about lamp, for its page", "about lamp, as customers see it"]
    look_at = "cache.py: which function is it whose answer you store?"
    require(
        said == expected,
        did="called `describe` of catalog.py and `describe` of reviews.py for a lamp",
        saw=" and ".join(f"`{one}`" for one in said),
        expected=" and ".join(f"`{one}`" for one in expected),
        look_at=look_at,
    )
    modules = ["exam_lamps", "exam_chairs"]
    said = [two.call(f"/{one}", "lamp", shop=n).answer for n in shops.SHOPS for one in modules]
    counts = [two.calls(f"lamp of {one}") for one in modules]
    require(
        said == 2 * [f"about lamp of {one}" for one in modules] and counts == [1, 1],
        did="called `describe` of two modules that differ in nothing but their names, and which "
        "one shop imports in another order than the other shop",
        saw=f"{said}, and {counts} calls of the model",
        expected="the answer of each module, and one call for each",
        look_at=look_at,
    )


def test_errors(two: Shops) -> None:
    """An error is not remembered: the next customer gets an answer at once."""
    lags = []
    for how, number in product(({"status": 503}, {"gone": True}), range(TRIES)):
        failure = "breaks off" if "gone" in how else "answers 503"
        prompt = f"a question for which the model {failure}, {number}"
        two.plan(prompt, {**how, "held": True}, {"answer": "in a good moment"})
        first = two.begin("/answer", prompt)
        two.keep()
        second = two.start("/answer", prompt, shop=2)
        two.looks(2, second.done)
        failed_at_s = time.monotonic()
        two.finish(prompt)
        did = f"asked both shops the same; while the first one works, the model {failure}"
        stuck = Unmet(
            did=did,
            saw="no answer in the other shop: nobody worked, and a lock was held",
            expected="an answer at once",
            look_at="cache.py: who frees the lock when the work fails, however it fails?",
        )
        failed, other = two.answers([first, second], stuck)
        third = two.call("/answer", prompt)
        require(
            failed.status >= 500 and other.answer == third.answer == "in a good moment",
            did=did,
            saw=f"status {failed.status}, then {other.status} and {third.status}, and "
            f"{two.calls(prompt)} calls of the model: a failure was remembered",
            expected="an error for one, and then answers",
            look_at="cache.py: what do you do with an exception?",
        )
        lags.append(failed.at_s - failed_at_s)
    late = Unmet(
        did=f"had the model fail {len(lags)} times, while the other shop waited for the same",
        saw=f"the customer of the first shop had the error {min(lags):.1f} s later at the "
        "earliest, and its lock held up the other one",
        expected="an error at once, and a free lock",
        look_at="cache.py: what happens between the error and the end of the lock?",
    )
    if min(lags) >= AT_ONCE_S:
        raise races.slow(late)


def test_every_key_goes(two: Shops) -> None:
    """Every key goes within its time, not before half of it, and not all at one moment."""
    two.call("/reviews", method="DELETE")
    two.call("/reviews", "lamp")
    stays = two.for_ever()
    require(
        not stays,
        did="asked Redis for the time to live of each key",
        saw=f"{len(stays)} keys stay for ever, such as `{next(iter(stays), '')}`",
        expected="each has one",
        look_at="cache.py: what do you write, and for how long?",
    )
    for path, end, ttl_s in FUNCTIONS[:2]:
        two.pass_time(DAY_S)
        questions.stay(two, path, end, ttl_s)


def test_forget(two: Shops) -> None:
    """A function forgets its answers in both shops, without KEYS, and nothing else goes."""
    for path, end, ttl_s in FUNCTIONS[1:]:
        questions.forget(two, path, end, ttl_s)


def test_forget_while_working(two: Shops) -> None:
    """An answer on which a shop works while its function forgets is forgotten as well."""
    prompt = "a moving chair, for its page"
    two.plan(prompt, {"answer": "old", "held": True}, {"answer": "new"})
    working = two.begin("/describe", "a moving chair", prompt)
    two.call("/describe", method="DELETE", shop=2)
    two.finish(prompt)
    two.answers([working])
    said = [two.call("/describe", "a moving chair", shop=shop).answer for shop in (2, 1)]
    require(
        said == ["new", "new"],
        did="had a function forget while a shop waited for the model, and asked after that",
        saw=f"the answers {said}: what was begun before was stored for those who ask after",
        expected="the new answer: the old one may be out of date",
        look_at="cache.py: when do you decide under which key an answer goes?",
    )


def test_one_call_for_a_crowd(two: Shops) -> None:
    """Fifty callers in two processes make one call of the model."""
    races.gather(two, "/describe", ", for its page")
    races.gather(two, "/answer", "", races.GIVES_UP_S)
    races.ask_within_lock(two)
    races.hesitate(two)


def test_nobody_queues(two: Shops) -> None:
    """They do not queue: none of them waits twice as long as that call takes."""
    races.ask_something_else(two)
    races.stop_in_a_queue(two)
    races.look_in_time(two)


def test_killed_shop(two: Shops) -> None:
    """A killed shop holds back the other one for LOCK_S seconds at most, and loses no answer."""
    races.kill(two)


def test_late_shop(two: Shops) -> None:
    """A shop that is late does not free a lock that another one has taken."""
    for status, shop in ((503, 2), (503, 1), (200, 2)):
        races.be_late(two, status, shop)
