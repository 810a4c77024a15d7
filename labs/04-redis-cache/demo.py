"""Lab 04: two hundred requests with and without a cache, then fifty at one moment."""

import json
import time
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import redis
from rich.table import Table

from taskyard.deadline import until
from taskyard.kit.console import Show
from taskyard.kit.stack import Stack

LAB = Path(__file__).parent
MODEL_PORT = 9000
PUBLISH = {"model": MODEL_PORT}
CUSTOMERS, EACH, PROMPTS, EMPTY = 10, 20, 20, 4
CROWD = 50
DEADLINE_S = 20.0

CACHES = {
    "no cache": "def cached(ttl_s):\n    return lambda func: func\n",
    "the starter's cache": (LAB / "starter/cache.py").read_text(),
    "a lock in each process": (LAB / "wrong/lock-in-the-process/cache.py").read_text(),
    "a lock that all queue for": (LAB / "wrong/queue-for-the-lock/cache.py").read_text(),
    "one works, others watch": (LAB / "solution/cache.py").read_text(),
}

SHOP = """
import json, random, sys, threading, time, types
import redis, os

cache = types.ModuleType("cache")
exec(sys.argv[1], cache.__dict__)
customers, each, prompts = map(int, sys.argv[2:5])
store = redis.Redis.from_url(os.environ["CACHE_URL"])

from language import complete

@cache.cached(ttl_s=600)
def answer(prompt):
    return complete(prompt)

def customer(number):
    asked = [f"prompt {n % prompts}" for n in range(each)]
    random.Random(number).shuffle(asked)
    store.blpop("go")
    for prompt in asked:
        began = time.monotonic()
        answer(prompt)
        waits.append(time.monotonic() - began)

waits = []
threads = [threading.Thread(target=customer, args=(n,)) for n in range(customers)]
for thread in threads:
    thread.start()
store.incr("ready")
for thread in threads:
    thread.join()
print(json.dumps(waits))
"""


@dataclass(frozen=True)
class Seen:
    """The calls of the model that some customers caused, and the seconds that they waited."""

    calls: int
    waits: tuple[float, ...]
    seconds: float


def model(stack: Stack, path: str, content: object = None) -> Mapping[str, int]:
    """Ask the model for its calls, or plan some."""
    body = None if content is None else json.dumps(content).encode()
    address = stack.http("model", MODEL_PORT) + path
    with urllib.request.urlopen(address, body, DEADLINE_S) as answer:
        return dict(json.load(answer))


def serve(stack: Stack, cache: str, customers: int, each: int, prompts: int, *shops: int) -> Seen:
    """
    Let customers ask in one or both shops, with a cache that is empty at first.

    Raises:
        RuntimeError: The cache raised an exception; quotes the last line of the traceback.
    """
    store = redis.Redis.from_url(stack.url())
    store.flushdb()  # the demo's own, which nobody else uses
    before = sum(model(stack, "/calls").values())
    arguments = [str(customers // len(shops)), str(each), str(prompts)]
    command = ["python", "-c", SHOP, cache, *arguments]
    with ThreadPoolExecutor(len(shops)) as pool:
        runs = [pool.submit(stack.exec, "shop", command, shop) for shop in shops]
        until(
            lambda: int(store.get("ready") or 0) >= len(shops) or any(r.done() for r in runs),
            f"{len(shops)} shops to be ready",
            DEADLINE_S,
        )
        began = time.monotonic()
        store.rpush("go", *range(customers))  # one for each of them to take
        done = [run.result() for run in runs]
        seconds = time.monotonic() - began
    for one in done:
        if one.exit_code or len(json.loads(one.stdout)) < customers // len(shops) * each:
            raise RuntimeError((one.stderr.strip().splitlines() or ["it ended early"])[-1])
    waits = tuple(wait for one in done for wait in json.loads(one.stdout))
    return Seen(sum(model(stack, "/calls").values()) - before, waits, seconds)


def yours(stack: Stack) -> dict[str, str]:
    """Return the learner's cache, unless it is still the starter's."""
    text = (stack.project.folder / "cache.py").read_text()
    return {} if text == CACHES["the starter's cache"] else {"your cache": text}


def demo(stack: Stack, show: Show) -> None:
    for number in range(EMPTY):
        model(stack, "/plan", {"prompt": f"prompt {number}", "calls": [{"answer": ""}]})
    requests = CUSTOMERS * EACH
    show.say()
    show.say(
        f"{CUSTOMERS} customers ask {EACH} questions each, {PROMPTS} different ones in all. The "
        f"model takes a tenth of a second for an answer. To {EMPTY} of the questions it has none: "
        "it returns an empty text."
    )
    predicted = show.predict(f"{requests} requests. How many reach the model, with a cache?")
    names = ("no cache", "the starter's cache", "one works, others watch")
    chosen = {name: CACHES[name] for name in names} | yours(stack)
    table = columns("", "calls of the model", "hit ratio", "seconds")
    for name, text in chosen.items():
        with show.step(name):
            seen = attempt(stack, show, text, CUSTOMERS, EACH, PROMPTS, 1)
        if seen:
            hits = f"{(requests - seen.calls) / requests:.0%}"
            table.add_row(name, str(seen.calls), hits, f"{seen.seconds:.1f}")
    show.compare(predicted, f"{PROMPTS}, if the cache is right")
    show.table(table)
    stampede(stack, show)


def stampede(stack: Stack, show: Show) -> None:
    """Have a crowd in both shops ask one thing that nobody has asked before."""
    show.say()
    predicted = show.predict(f"{CROWD} customers ask one new thing at one moment. How many calls?")
    table = columns("", "calls of the model", "longest wait, in calls")
    for name, text in (CACHES | yours(stack)).items():
        with show.step(name):
            alone = serve(stack, CACHES["no cache"], 1, 1, 1, 1)
            seen = attempt(stack, show, text, CROWD, 1, 1, 1, 2)
        if seen:
            waited = f"{max(seen.waits) / max(alone.waits):.1f}"
            table.add_row(name, str(seen.calls), waited)
    show.compare(predicted, f"{CROWD}, unless the cache prevents it")
    show.table(table)
    show.say()
    show.say(
        "Two shops share Redis and no memory, so a lock in one of them does not hold the other. "
        "A lock in Redis holds both; but who queues for it waits for each customer in front. "
        "What they all want is the value, and that can be watched for."
    )


def attempt(stack: Stack, show: Show, text: str, *how: int) -> Seen | None:
    """Let customers ask with a cache that may raise; show the error and return None if it does."""
    try:
        return serve(stack, text, *how)
    except RuntimeError as error:
        show.say(f"it raised: {error}", style="red")
        return None


def columns(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left")
    return table
