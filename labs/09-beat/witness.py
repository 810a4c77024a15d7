"""What is seen of a stack from outside: its ticks, who takes them, and what Redis soon forgets."""

import time
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from celery import Celery

from taskyard.kit.contract import load
from taskyard.kit.queue import RESULT, UNACKED, Message, look
from taskyard.kit.recorder import NoWorkerError, wait_for_workers
from taskyard.kit.requirement import Unmet
from taskyard.kit.stack import Stack

TASK = load(Path(__file__).with_name("plan.py")).TASK
BROKER = "BROKER_URL"
DEADLINE_S = 30.0

SOON_S = 60.0
"""What Redis keeps for longer is no lock that somebody has to renew while a check looks on."""

CELERYS = (RESULT, UNACKED, "_kombu")


class Witness:
    """The ticks of a stack, and the workers that take them; they can be told to rest."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.app = Celery(broker=stack.url_of(BROKER), set_as_current=False)
        self.queues: dict[str, list[str]] = {}
        """The queues of each worker's node, kept while it rests."""

    def waiting(self) -> dict[str, Message]:
        """Return the ticks that wait in any queue, by their ids."""
        return {one.id: one for ticks in self.by_queue().values() for one in ticks}

    def by_queue(self) -> dict[str, list[Message]]:
        """Return the ticks that wait in each queue that holds any."""
        queues = look(self.stack.url_of(BROKER)).waiting.items()
        ticks = {name: [one for one in held if one.task == TASK] for name, held in queues}
        return {name: held for name, held in ticks.items() if held}

    def held(self) -> set[str]:
        """Return the ids of the ticks that wait, or that a worker has received."""
        received = look(self.stack.url_of(BROKER)).unacknowledged
        return self.waiting().keys() | {one.id for one in received}

    def senders(self, early: Collection[str] = ()) -> Counter[str]:
        """Count the ticks that wait, except the early ones, by sender, such as `gen7@beat-1`."""
        return Counter(one.origin for one in self.waiting().values() if one.id not in early)

    def hosts(self) -> set[str]:
        """Return the host names of the workers that answer."""
        return {node.partition("@")[2] for node in self.ask("active_queues")}

    def ran(self) -> int:
        """Count the ticks that workers have begun to run, whatever they report or store of them."""
        return sum(one["total"].get(TASK, 0) for one in self.ask("stats").values())

    def rest(self) -> None:
        """Have each worker stop taking messages, and wait until it has."""
        for node, queues in self.ask("active_queues").items():
            if queues:
                self.queues[node] = [queue["name"] for queue in queues]
        self._tell("cancel_consumer")

    def go_on(self) -> None:
        """Have each worker take messages again, from the same queues."""
        self._tell("add_consumer")

    def ask(self, question: str) -> dict[str, Any]:
        """Return what each worker answers; wait until all are there."""
        try:
            names = wait_for_workers(self.app, max(1, self.stack.workers()))
        except NoWorkerError as error:
            raise Unmet(
                did="asked through the broker which workers are there",
                saw=str(error),
                expected="each worker answers",
                look_at="compose.yaml, worker; and the end of its log",
            ) from None
        inspect = self.app.control.inspect(names, timeout=DEADLINE_S, limit=len(names))
        return getattr(inspect, question)() or {}

    def _tell(self, command: str) -> None:
        for node, queues in self.queues.items():
            for queue in queues:
                asked = {"reply": True, "timeout": DEADLINE_S, "limit": 1, "destination": [node]}
                self.app.control.broadcast(command, arguments={"queue": queue}, **asked)

    def ends(self) -> dict[str, float]:
        """Return what Redis forgets soon, Celery's own keys left out: name to `monotonic` time."""
        found = {}
        address = urlsplit(self.stack.url_of(BROKER))
        with redis.Redis.from_url(address.geturl()) as store:
            databases = [name.removeprefix("db") for name in store.info("keyspace")]
        for database in databases:
            url = address._replace(path=f"/{database}").geturl()
            with redis.Redis.from_url(url, decode_responses=True) as store:
                for key in store.scan_iter():
                    if 0 < (lasts_ms := store.pttl(key)) < 1000 * SOON_S:
                        found[key] = time.monotonic() + lasts_ms / 1000
        return {key: end_s for key, end_s in found.items() if not key.startswith(CELERYS)}
