"""Questions that differ a little, and what becomes of their answers as time passes."""

from itertools import cycle, product
from typing import Any

from taskyard.kit.requirement import require

NAMES = ("prompt", "system", "model", "temperature")
PROMPTS = ("a", "A", "a ", "a b", "b", 1, "1", None, "None")
SYSTEMS, MODELS, TEMPERATURES = ("", "a", "b", "c", "b c"), ("small", "a"), (0.5, 0.52)
MANY = 1000
DAYS = ("2026-11-27", "2025-11-27", "1926-11-27", "2026-11-28", "2026-02-01", "2026-01-02")
TAGS = (["a", "b"], ["ab"], ["a", "c"], ["A", "b"], ["a, b"], ["a b"])
DESCRIBE = ("/describe", "/reviews", "/exam_lamps", "/exam_chairs", "/exam_lamps/again")
STEPS, LEAST_STEPS = 30, 2
"""Of the second half of a time to live, and from the first answer that goes to the last one."""
LOST_AFTER = 0.7
"""Of a time to live; until then an old answer may come back."""
BASKETS = 3000


def each_has_its_answer(two: Any) -> None:
    """Ask a shop what only a short key confuses, and both shops what differs a little."""
    same = two.call("/confused", MANY).answer
    require(
        not same,
        did=f"asked {MANY} different questions",
        saw=f"for {len(same)} of them the answer to another one, by chance",
        expected="a key of its own for each",
        look_at="cache.py: how many different keys can there be?",
    )
    fields = product(PROMPTS, SYSTEMS, MODELS, TEMPERATURES)
    questions = [dict(zip(NAMES, one, strict=True)) for one in fields]
    shops = zip(questions, cycle((1, 2)), strict=False)
    said = two.answers([two.start("/answer", shop=shop, **one) for one, shop in shops])
    for question, one in zip(questions, said, strict=True):
        require(
            repr(question) == repr(one.answer),
            did=f"asked {len(questions)} questions that differ a little, such as {question}",
            saw=f"the answer to {one.answer}",
            expected="its own answer: this is another question",
            look_at="cache.py: what is lost between the arguments and the key?",
        )


def each_day_is_another(two: Any) -> None:
    """Ask for the offers of days and tags that differ a little."""
    for day, tags in product(DAYS, TAGS):
        before = two.all_calls()
        two.call("/offers", {"date": day}, {"set": tags})
        require(
            two.all_calls() > before,
            did=f"asked for the offers of {day} and {set(tags)}, after other days and other sets",
            saw="no call of the model: this day, or this set, has the text of another one",
            expected="a call: nobody has asked this before",
            look_at="cache.py: what of a date or a set is lost in its text?",
        )


def stay(two: Any, path: str, end: str, ttl_s: float) -> None:
    """
    Ask a function much at one moment, and again as time passes in Redis.

    Args:
        end: What the function adds to its argument before it asks the model.
    """
    two.call(path, "what opens the shop")
    two.pass_time(0.6 * ttl_s)  # what is as old as the first answer may go before the others do
    asked = [*(f"question {number}" for number in range(10)), "an empty answer", "no answer"]
    two.plan("an empty answer" + end, {"answer": ""})
    two.plan("no answer" + end, {"answer": None})
    two.ask_all(path, *asked)
    did = f"asked {len(asked)} things at one moment, with ttl_s={ttl_s}"

    def gone() -> list[str]:
        two.ask_all(path, *asked)
        counts = two.counts()
        return [one for one in asked if counts[one + end] > 1]

    two.pass_time(ttl_s / 2)
    lost = gone()
    require(
        not lost,
        did=f"{did}, and again when half of that had passed in Redis",
        saw=f"{len(lost)} answers were gone, such as that to `{next(iter(lost), '')}`",
        expected="all of them",
        look_at="cache.py: how long does each answer stay, and all that it depends on?",
    )
    went: dict[str, int] = {}
    for step in range(STEPS):
        two.pass_time(ttl_s / 2 / STEPS)
        went = dict.fromkeys(gone(), step) | went
    require(
        len(went) == len(asked),
        did=f"{did}, and again and again until that had passed in Redis",
        saw=f"{len(asked) - len(went)} of the answers are still the old ones",
        expected="none",
        look_at="cache.py: how long does an answer stay, and what makes it stay longer?",
    )
    require(
        max(went.values()) - min(went.values()) >= LEAST_STEPS,
        did=did,
        saw="the answers all went together: a crowd at that moment",
        expected="times to live that differ",
        look_at="cache.py: how long does an answer stay, exactly?",
    )


def forget(two: Any, path: str, end: str, ttl_s: float) -> None:
    """
    Let a function forget, once in each shop, what both shops know.

    Before that, more keys of others are in Redis than one page of SCAN holds.

    Args:
        end: What the function adds to its argument before it asks the model.
    """
    baskets = [f"basket:{number}" for number in range(BASKETS)]
    two.store(dict.fromkeys(baskets, "a lamp"))
    products = [f"product {number}" for number in range(20)]
    neighbours: list[tuple[str, tuple[object, ...]]] = [
        *((one, ("lamp",)) for one in DESCRIBE if one != path),
        ("/offers", ({"date": DAYS[0]}, {"set": TAGS[0]})),
    ]
    for shop, other in ((1, 2), (2, 1)):
        for one in (shop, other):
            two.ask_all(path, *products, shop=one)
            for name, args in neighbours:
                two.call(name, *args, shop=one)
        known, commands = two.counts(), two.commands()
        two.call(path, method="DELETE", shop=shop)
        used = [name for name, count in two.commands().items() if count > commands.get(name, 0)]
        did = f"had a shop forget what a function returned for {len(products)} products"
        for (name, args), one in product(neighbours, (1, 2)):
            two.call(name, *args, shop=one)
        lost = [one for one, count in two.counts().items() if count > known.get(one, 0)]
        lost += [one for one in baskets if not two.stores[0].exists(one)][:1]
        require(
            not lost,
            did=did,
            saw=f"other things gone from Redis as well, such as `{next(iter(lost), '')}`",
            expected="what was there, but for these answers",
            look_at="cache.py, forget: what does the command take with it?",
        )
        two.pass_time(LOST_AFTER * ttl_s if shop == 1 else 0)
        for one in (other, shop):
            two.ask_all(path, *products, shop=one)
        counts = two.counts()
        old = [one for one in products if counts[one + end] == known[one + end]]
        require(
            not old,
            did=f"{did}, and asked the other shop for them, and then the same one",
            saw=f"{len(old)} of the old answers are still there",
            expected="a new call for each",
            look_at="cache.py, forget: who knows old answers, and how long are they forgotten?",
        )
        require(
            "keys" not in used,
            did=f"{did}, and asked Redis for the commands that it got",
            saw=f"{', '.join(used)}: KEYS looks at every key of Redis, and all others wait",
            expected="no KEYS",
            look_at="cache.py, forget: a key can be named so that nobody finds it any more",
        )
    two.stores[0].delete(*baskets)
