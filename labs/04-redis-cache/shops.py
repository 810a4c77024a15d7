"""
Two shops with the learner's cache, and what the check can do to them.

It can hold a message to Redis or a call of the model, lose what was held, and let time pass in
Redis; each race is so forced, and no wait depends on the speed of this machine.
"""

import itertools
import json
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from taskyard.deadline import DeadlineError, in_time, until
from taskyard.kit.blame import place_in
from taskyard.kit.requirement import Unmet, ask, listens
from taskyard.kit.stack import Stack, copy_stack

HERE = Path(__file__).parent
PORT, GATE_PORT = 8000, 9000
SHOPS = {1: "shop", 2: "other"}
LOCK_S = 4.0
"""As in the exam's compose.yaml; it is not that of the starter, which nobody should copy."""
DEADLINE_S = 15.0
"""For an answer; it moves with a slow machine."""
SOON_S = 1.2
"""For what a right answer need not do, such as to look at Redis again."""
LONGEST_S = 600.0
HOUR_S = 3600.0
DATABASES = range(16)
LATER = """
for _, key in ipairs(redis.call('KEYS', '*')) do
    local left = redis.call('PTTL', key)
    if left >= 0 then
        redis.call('PEXPIRE', key, string.format('%d', left - ARGV[1]))
    end
    if redis.call('TYPE', key).ok == 'hash' then
        for _, field in ipairs(redis.call('HKEYS', key)) do
            local ms = redis.call('HPTTL', key, 'FIELDS', 1, field)[1]
            if ms >= 0 then
                ms = string.format('%d', math.max(0, ms - ARGV[1]))
                redis.call('HPEXPIRE', key, ms, 'FIELDS', 1, field)
            end
        end
    end
end
"""


@dataclass(frozen=True)
class Said:
    """A shop's answer, and when it came; a failure has a status of its own and no answer."""

    status: int
    answer: Any
    at_s: float


def prepare(folder: Path, into: Path) -> Path:
    """Copy the learner's files, and lay those of the exam over them."""
    copy = copy_stack(folder, into)
    shutil.copytree(HERE / "exam", copy, dirs_exist_ok=True)
    shutil.copy(HERE / "exam/exam_lamps.py", copy / "exam_chairs.py")
    return copy


class Shops:
    """
    The two shops of a stack.

    Attributes:
        stores: Each database of their Redis.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._addresses: dict[int, str] = {}  # an engine need not be asked for each of a crowd
        self.stores = [redis.Redis.from_url(stack.url("redis", number)) for number in DATABASES]

    def start(
        self, path: str, *args: object, shop: int = 1, method: str = "POST", **kwargs: object
    ) -> "Future[Said]":
        """Call a function of a shop, and do not wait for its answer."""
        future: Future[Said] = Future()
        if shop not in self._addresses:
            self._addresses[shop] = self.stack.http(SHOPS[shop], PORT)
        address = self._addresses[shop]

        def work() -> None:
            try:
                future.set_result(self._call(address, path, args, kwargs, shop, method))
            except Exception as error:
                future.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        return future

    def _call(
        self, address: str, path: str, args: object, kwargs: object, shop: int, method: str
    ) -> Said:
        content = json.dumps({"args": args, "kwargs": kwargs})
        request = urllib.request.Request(address + path, content.encode(), method=method)
        try:
            with urllib.request.urlopen(request, timeout=LONGEST_S) as reply:
                status, answer = reply.status, json.load(reply).get("answer")
        except urllib.error.HTTPError as error:
            status, answer = error.code, None
        except (OSError, ValueError):
            log = self.stack.logs(SHOPS[shop])
            raise Unmet(
                did=f"called {path} with {content}",
                saw=f"no answer; the shop's log ends with: {self.stack.last_line(SHOPS[shop])}",
                expected="an answer",
                look_at=place_in(log, self.stack.project.folder) or "cache.py",
            ) from None
        return Said(status, answer, time.monotonic())

    def answers(self, started: Sequence["Future[Said]"], missed: Unmet | None = None) -> list[Said]:
        """
        Wait for the answers of shops.

        Args:
            missed: What is wrong if one of them does not come.
        """
        missed = missed or Unmet(
            did="asked a shop while no call of the model was under way",
            saw="no answer: its customer waits for something that nobody does",
            expected="an answer",
            look_at="cache.py: what can a customer wait for, and who ends that?",
        )

        def come(left_s: float) -> bool:
            return not wait(started, left_s).not_done

        in_time(come, "the shops to answer", DEADLINE_S, missed=lambda: missed)
        return [one.result() for one in started]

    def call(self, path: str, *args: object, **kwargs: Any) -> Said:
        """Call a function of a shop, and wait for its answer."""
        return self.answers([self.start(path, *args, **kwargs)])[0]

    def ask_all(self, path: str, *questions: object, shop: int = 1) -> list[Said]:
        """Ask a shop many things at one moment; each is the function's first argument."""
        return self.answers([self.start(path, one, shop=shop) for one in questions])

    def inside(self) -> int:
        """Count the customers who wait in either shop."""
        return sum(
            ask(self.stack, name, PORT, "/health", timeout_s=LONGEST_S)["inside"]
            for name in SHOPS.values()
        )

    def _gate(self, path: str, **content: object) -> Any:
        return ask(self.stack, "gate", GATE_PORT, path, content or None, LONGEST_S)

    def plan(self, prompt: str, *calls: Mapping[str, object]) -> None:
        """Plan the model's next calls for a prompt; calls after those do as the last one."""
        self._gate("/plan", prompt=prompt, calls=calls)

    def counts(self) -> dict[str, int]:
        """Return how often the model was called for each prompt."""
        counts: dict[str, int] = self._gate("/calls")
        return counts

    def calls(self, prompt: str) -> int:
        """Return how often the model was called for a prompt."""
        return self.counts().get(prompt, 0)

    def all_calls(self) -> int:
        return sum(self.counts().values())

    def finish(self, prompt: str) -> None:
        """Let the calls of the model end that were held by plan, and those that will be."""
        self._gate("/finish", prompt=prompt)

    def begin(self, path: str, question: str, prompt: str = "", shop: int = 1) -> "Future[Said]":
        """Start a call of which the model will be held, and wait until the model is called."""
        before = self.calls(prompt or question)
        started = self.start(path, question, shop=shop)
        until(
            lambda: started.done() or self.calls(prompt or question) > before,
            "a shop to call the model",
            DEADLINE_S,
        )
        return started

    def restart(self, shop: int) -> None:
        """Start a shop that was killed, and wait until it listens, perhaps on another port."""
        self._addresses.pop(shop)
        self.stack.start(SHOPS[shop])
        until(lambda: listens(self.stack, SHOPS[shop], PORT), "the killed shop to listen again")

    def hold(self, shop: int, after: int | None = 0) -> None:
        """Hold a message of a shop to Redis, after some more have passed; None means no message."""
        self._gate("/hold", line=SHOPS[shop], after=after)

    def release(self, shop: int, passes: bool = True, after: int | None = None) -> None:
        """Let the held messages pass, or lose them; then hold another one after some more."""
        self._gate("/release", line=SHOPS[shop], passes=passes, after=after)

    def held(self, shop: int) -> int:
        """Count the messages of a shop that are held."""
        return int(self._gate("/lines")[SHOPS[shop]][1])

    def looks(self, shop: int, ends: Callable[[], object], times: int = 4) -> None:
        """Wait until a shop has sent some more messages, or something else is the case."""
        before = self._gate("/lines")[SHOPS[shop]][0]
        self.soon(lambda: ends() or self._gate("/lines")[SHOPS[shop]][0] >= before + times)

    def soon(self, holds: Callable[[], object]) -> bool:
        """Wait a little for what need not happen; tell whether it has."""
        try:
            return bool(until(holds, "this", SOON_S))
        except DeadlineError:
            return False

    def stops(self, path: str, question: Callable[[int], str]) -> Iterator["Future[Said]"]:
        """
        Ask the first shop again and again, each time held before a later message to Redis.

        It ends with the first customer whose messages have all passed.
        """
        for after in itertools.count():
            before = self.held(1)
            self.hold(1, after)
            started = self.start(path, question(after))
            until(
                lambda: started.done() or self.held(1) > before,  # noqa: B023
                "a shop to send to Redis",
                DEADLINE_S,
            )
            if self.held(1) == before:
                return self.hold(1, None)
            yield started

    def pass_time(self, seconds: float) -> None:
        """Let as much time pass in Redis as if it had been waited for, or take it back."""
        for store in self.stores:
            store.eval(LATER, 0, int(1000 * seconds))

    def keep(self) -> None:
        """Let nothing expire while this is tried: each key that would go stays an hour longer."""
        self.pass_time(-HOUR_S)

    def store(self, entries: Mapping[str, str]) -> None:
        """Store what belongs to others; it stays longer than the check lasts."""
        with self.stores[0].pipeline() as pipe:
            for key, value in entries.items():
                pipe.set(key, value, ex=10**6)
            pipe.execute()

    def keys(self) -> set[tuple[int, bytes]]:
        """Return each key in Redis, with its database."""
        return {(at, key) for at, store in enumerate(self.stores) for key in store.scan_iter()}

    def for_ever(self) -> list[str]:
        """Return the keys that have no time to live."""
        return [
            key.decode(errors="replace")
            for at, key in sorted(self.keys())
            if self.stores[at].pttl(key) == -1 and not self._fields_go(self.stores[at], key)
        ]

    def _fields_go(self, store: Any, key: bytes) -> bool:
        """Tell whether a key is a hash, each of whose fields has a time to live of its own."""
        if store.type(key) != b"hash":
            return False
        fields = store.hkeys(key)
        return bool(fields) and -1 not in store.hpttl(key, *fields)

    def commands(self) -> dict[str, int]:
        """Return how often Redis has got each command."""
        stats = self.stores[0].info("commandstats")
        return {name.removeprefix("cmdstat_"): about["calls"] for name, about in stats.items()}
