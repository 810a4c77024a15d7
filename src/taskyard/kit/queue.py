"""What Redis holds for Celery at one moment: waiting messages, unacknowledged ones, results."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import redis
from rich.table import Table
from rich.text import Text

from taskyard.deadline import until

RESULT = "celery-task-meta-"
UNACKED = "unacked"
PRIORITY = "\x06\x16"


@dataclass(frozen=True)
class Message:
    """
    One message, waiting or unacknowledged.

    Attributes:
        arguments: Their `repr`, as the sender wrote it into the headers.
        origin: The process that sent it, such as `gen7@beat-1`: a number and a host name.
        expires: The time from which a worker throws it away, in ISO 8601; empty if there is none.

    Source: Celery, message protocol version 2; kombu writes the envelope as JSON.
    """

    id: str
    task: str
    arguments: str
    origin: str = ""
    expires: str = ""

    @classmethod
    def parse(cls, text: str) -> Message:
        """Read an envelope; text that is not Celery's becomes a message with `?` as id and task."""
        try:
            headers = json.loads(text)["headers"]
            told = [headers.get(name) or "" for name in ("argsrepr", "origin", "expires")]
            return cls(headers["id"], headers["task"], *told)
        except (ValueError, KeyError, TypeError):
            return cls("?", "?", text)


@dataclass(frozen=True)
class Result:
    """One stored result, with the seconds until it expires; None if it never does."""

    id: str
    state: str
    expires_s: float | None


@dataclass(frozen=True)
class Queues:
    """
    The contents of a broker and a result backend at one moment.

    Attributes:
        waiting: Queue name to messages, the next one to be taken first. A queue without messages
            has no key in Redis and is absent.
        unacknowledged: Messages that a worker has received and not yet acknowledged.
        results: The stored results, sorted by id.
    """

    waiting: Mapping[str, tuple[Message, ...]]
    unacknowledged: tuple[Message, ...]
    results: tuple[Result, ...]

    @property
    def is_quiet(self) -> bool:
        """
        Whether nothing waits and nothing is unacknowledged.

        Tasks may still run: by default a message is acknowledged when its task begins.
        """
        return not self.waiting and not self.unacknowledged

    def counts(self) -> str:
        """Return one line with the number of entries in each place."""
        waiting = {name: len(messages) for name, messages in self.waiting.items()}
        held, results = len(self.unacknowledged), len(self.results)
        return f"waiting {waiting}, unacknowledged {held}, results {results}"

    def table(self) -> Table:
        """Return a table of the three places, with the key of each and the number of entries."""
        table = Table(box=None, pad_edge=False)
        for heading, justify in (("place", "left"), ("key in Redis", "left"), ("holds", "right")):
            table.add_column(heading, justify=justify)  # type: ignore[arg-type]
        for name, messages in self.waiting.items():
            table.add_row("waiting", name, _count(len(messages), "message"))
        if not self.waiting:
            table.add_row("waiting", Text("no list", style="dim"), "0 messages")
        table.add_row("unacknowledged", UNACKED, _count(len(self.unacknowledged), "message"))
        table.add_row("results", f"{RESULT}ID", _count(len(self.results), "result"))
        return table


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def look(broker: str, backend: str | None = None) -> Queues:
    """
    Read what a broker and a result backend hold now, and change nothing.

    Args:
        broker: Its URL with the database, as Celery takes it.
        backend: The URL of the result backend; None means the broker's.
    """
    with redis.Redis.from_url(broker, decode_responses=True) as store:
        lists = sorted(key for key in store.scan_iter(_type="list") if "pidbox" not in key)
        waiting: dict[str, tuple[Message, ...]] = {}
        for key in lists:
            name = key.partition(PRIORITY)[0]
            messages = [Message.parse(text) for text in store.lrange(key, 0, -1)]
            if messages:  # a worker may have taken the last one since the scan
                waiting[name] = (*waiting.get(name, ()), *reversed(messages))
        entries = store.hvals(UNACKED)
        unacknowledged = tuple(Message.parse(json.dumps(json.loads(e)[0])) for e in entries)
    with redis.Redis.from_url(backend or broker, decode_responses=True) as store:
        results = []
        for key in sorted(store.scan_iter(f"{RESULT}*")):
            text, expires_ms = store.get(key), store.pttl(key)
            if text is None:  # it has expired since the scan
                continue
            state = json.loads(text)["status"]
            expires_s = expires_ms / 1000 if expires_ms >= 0 else None
            results.append(Result(key.removeprefix(RESULT), state, expires_s))
    return Queues(waiting, unacknowledged, tuple(results))


def wait_for(
    condition: Callable[[Queues], bool],
    broker: str,
    backend: str | None = None,
    timeout_s: float = 20.0,
    what: str = "Redis to hold what is wanted",
) -> Queues:
    """
    Look until a condition holds, and return what was seen.

    Messages, results and events of one task come and go a moment apart, so wait for the one that
    you are about to look at.

    Args:
        what: The end of the sentence "waited 20 s for …".

    Raises:
        TimeoutError: The condition does not hold after `timeout_s`; says what was seen last.
    """
    seen = Queues({}, (), ())

    def is_as_wanted() -> bool:
        nonlocal seen
        seen = look(broker, backend)
        return condition(seen)

    until(is_as_wanted, what, timeout_s, lambda: seen.counts())
    return seen
