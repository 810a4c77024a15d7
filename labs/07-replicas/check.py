"""The requirements of lab 07, in the order of its README."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from celery import Celery

from taskyard.deadline import BusyError, patient, until
from taskyard.errors import TaskyardError
from taskyard.kit.queue import wait_for
from taskyard.kit.requirement import Unmet, require
from taskyard.kit.stack import Stack
from taskyard.topics.replicas.routes import queues_of

PRICES, PHOTO = "tasks.fetch_prices", "tasks.shrink_photo"

SENT = 20
"""More than three workers with one slot each can hold, so it does not matter which holds what."""
AT_ONCE = 3
WAITING = 4
SHORT = 10
STILL_S = 5.0
"""Every worker has answered by then; one that takes nothing for that long has a reason."""
DEADLINE_S = 30.0
PHOTOS_CPUS = 1.0
OWN = ("tasks.", "celery.")
NO_LIMIT = (
    "celeryconfig.py, worker_prefetch_multiplier: 0 means no limit, so a worker may hold them all"
)


@dataclass(frozen=True)
class Node:
    """One worker, as it answers through the broker; several may share one name."""

    name: str
    said: Any

    @property
    def slots(self) -> int:
        """Return how many tasks it can run at once when its pool is fully grown, from `stats`."""
        scaler = self.said.get("autoscaler") or {"max": 0}
        return max(self.said["pool"]["max-concurrency"], scaler["max"])

    @property
    def ahead(self) -> float:
        """Return how many messages it may hold for each slot, from `stats`; 0 means any number."""
        return self.said["prefetch_count"] / self.said["pool"]["max-concurrency"]


class Suppliers:
    """
    The suppliers that the shop's tasks wait for: a gate for each task, which the check opens.

    Attributes:
        queues: Where the shop sends its tasks, as a map from a task's name to its queue's.
    """

    def __init__(self, stack: Stack) -> None:
        self.broker = stack.url("redis")
        self.app = Celery("check", broker=self.broker, set_as_current=False)
        self.app.conf.result_backend = stack.url("redis", 1)
        self.nodes(stack.workers())
        self.app.conf.task_routes = self.queues = queues_of(stack, PRICES, PHOTO)
        self._store = redis.Redis.from_url(stack.url("redis", 2), decode_responses=True)

    def send(self, *names: str) -> None:
        """Send one task for each supplier."""
        for name in names:
            self.app.send_task(PRICES, (name,))

    def asked(self) -> list[str]:
        """Name the suppliers whose task has begun, in order."""
        return list(self._store.lrange("asked", 0, -1))

    def answer(self, *names: str) -> None:
        """Let the tasks of these suppliers end."""
        for name in names:
            self._store.rpush(f"answer:{name}", "10.00")

    def begun(self, wanted: int) -> int:
        """Wait until `wanted` tasks have begun, or no further one begins; return how many have."""
        count = len(self.asked())
        while count < wanted and self._goes_on(count):
            count = len(self.asked())
        return count

    def _goes_on(self, count: int) -> bool:
        """Wait for more than `count` tasks to begin; return whether any has."""
        try:
            return until(lambda: len(self.asked()) > count, "one more task to begin", STILL_S)
        except BusyError:
            raise
        except TimeoutError:
            return False

    def clear(self, total: int) -> None:
        """Wait until all `total` tasks have ended, and forget them."""
        until(lambda: len(self.asked()) == total, f"{total} tasks to begin", DEADLINE_S)
        # A task that is acknowledged early may have asked, and not yet read its answer
        until(lambda: not self._store.keys("answer:*"), "the answers to be taken", DEADLINE_S)
        wait_for(lambda seen: seen.is_quiet, self.broker, timeout_s=DEADLINE_S)
        self._store.flushdb()

    def nodes(self, workers: int, question: str = "ping") -> list[Node]:
        """Ask until that many workers answer at the same time."""

        def ask() -> list[Node]:
            answers: list[Mapping[str, Any]] = (
                self.app.control.broadcast(question, reply=True, timeout=1.0, limit=workers) or []
            )
            found = [Node(name, said) for answer in answers for name, said in answer.items()]
            return found if len(found) >= workers else []

        try:
            return until(ask, "the workers to answer", DEADLINE_S)
        except TimeoutError:
            raise Unmet(
                did=f"asked the {workers} workers of compose.yaml for a sign of life",
                saw="fewer of them answered through the broker",
                expected="an answer from each of them",
                look_at="compose.yaml: the commands, and BROKER_URL",
            ) from None

    def of_queue(self, queue: str, workers: int) -> list[Node]:
        """Return the workers that take from a queue, with what they report about themselves."""
        takers = {
            node.name
            for node in self.nodes(workers, "active_queues")
            if queue in [one["name"] for one in node.said]
        }
        return [node for node in self.nodes(workers, "stats") if node.name in takers]


@pytest.fixture(scope="module")
def suppliers(stack: Stack) -> Suppliers:
    """The suppliers of the learner's shop, once its workers have answered."""
    return Suppliers(stack)


def test_three_at_once(stack: Stack, suppliers: Suppliers) -> None:
    """Three tasks run at once, and never fewer while four wait."""
    nodes = suppliers.nodes(stack.workers(), "registered")
    takers = suppliers.of_queue(suppliers.queues[PRICES], stack.workers())
    hoards = sum(node.slots for node in takers) >= AT_ONCE and not all(n.ahead for n in takers)
    suppliers.send(*(f"supplier-{number}" for number in range(SENT)))
    running = suppliers.begun(AT_ONCE)
    learned = {task for node in nodes for task in node.said if not task.startswith(OWN)}
    did = f"sent {SENT} tasks that each wait for a supplier, and counted those that had begun"
    expected = f"{AT_ONCE} at once"
    require(
        running >= AT_ONCE or not learned,
        did=did,
        saw=f"{running} at once: the workers know {len(learned)} more tasks, "
        "and have no more slots to run them in",
        expected=expected,
        look_at="celeryconfig.py, include: a list of what a worker can do, not of workers",
    )
    look_at = "compose.yaml, worker: how many containers, and how many pool processes in each?"
    look_at = NO_LIMIT if hoards else look_at
    saw = f"{running} at once, while {SENT - running} wait"
    require(running >= AT_ONCE, did=did, saw=saw, expected=expected, look_at=look_at)
    for answered in range(1, SENT - AT_ONCE - WAITING + 1):
        suppliers.answer(suppliers.asked()[answered - 1])
        begun = suppliers.begun(AT_ONCE + answered)
        require(
            begun - answered >= AT_ONCE,
            did=f"let {answered} of {SENT} tasks end, one after the other",
            saw=f"{begun - answered} running, while {SENT - begun} wait",
            expected=f"{AT_ONCE} running: when one ends, the next begins",
            look_at=NO_LIMIT if hoards else "celeryconfig.py: which worker holds those that wait?",
        )
    ended = suppliers.asked()[: SENT - AT_ONCE - WAITING]
    suppliers.answer(*({f"supplier-{number}" for number in range(SENT)} - set(ended)))
    suppliers.clear(SENT)


def test_no_more_photos_than_cpus(stack: Stack, suppliers: Suppliers) -> None:
    """No more photos are computed at once than there are CPUs for them."""
    queue = suppliers.queues[PHOTO]
    require(
        queue != suppliers.queues[PRICES],
        did="asked the shop's app where it sends a photo, and where it sends a request for prices",
        saw=f"both to `{queue}`",
        expected="a queue of their own for photos: such a task waits for its CPU and nothing else",
        look_at="celeryconfig.py, task_routes",
    )
    found = suppliers.of_queue(queue, stack.workers())
    require(
        found,
        did="asked every worker which queues it takes from",
        saw=f"none takes from `{queue}`",
        expected="one worker that computes the photos",
        look_at="celeryconfig.py, task_routes; compose.yaml, photos: --queues",
    )
    definition = stack.project.services.get("photos")
    limit = definition.limits.cpus if definition else None
    require(
        limit == PHOTOS_CPUS,
        did="read how many CPUs compose.yaml lets `photos` use",
        saw=f"{limit:g}" if limit else "no limit",
        expected=f"{PHOTOS_CPUS:g}, as in the starter: the shop has no other CPU for its photos",
        look_at="compose.yaml, photos: limits, which must stay as it is",
    )
    slots = sum(node.slots for node in found)
    containers = sum(replica.service == "photos" for replica in stack.ps())
    cpus = max(1, min(os.cpu_count() or 1, int(PHOTOS_CPUS * containers)))
    require(
        slots <= cpus,
        did=f"counted the slots of the workers that take from `{queue}`, at their full size",
        saw=f"{slots}, which take turns on {cpus} CPU",
        expected=f"at most {cpus}: a task that shrinks a photo only computes",
        look_at="compose.yaml, photos: --concurrency or --autoscale, whatever the pool is made of",
    )
    suppliers.app.send_task(PHOTO, ("teapot.jpg",)).get(DEADLINE_S)


def test_worker_scales(stack: Stack, suppliers: Suppliers) -> None:
    """Docker Compose can run the worker in more than one container."""
    if sum(replica.service == "worker" for replica in stack.ps()) == 1:
        try:
            stack.scale("worker", 2)
        except TaskyardError as error:
            raise Unmet(
                did="scaled `worker` to 2",
                saw="; ".join(fault.what for fault in error.faults),
                expected="two containers that both take tasks",
                look_at="compose.yaml, worker: what does it have that only one container can have?",
            ) from None
    suppliers.nodes(stack.workers())


def test_node_names_differ(stack: Stack, suppliers: Suppliers) -> None:
    """No two workers have the same node name."""
    names = [node.name for node in suppliers.nodes(stack.workers())]
    twice = sorted({name for name in names if names.count(name) > 1})
    require(
        not twice,
        did="asked every worker for its name",
        saw=f"{len(names)} answers, and {names.count(twice[0]) if twice else 0} of them from "
        f"`{', '.join(twice)}`: what you tell one of them, all of them do",
        expected=f"{len(names)} names",
        look_at="compose.yaml, worker: --hostname; what does Celery choose without it?",
    )


def test_short_waits_for_no_long(stack: Stack, suppliers: Suppliers) -> None:
    """No short task waits behind a long one while a slot is free."""
    nodes = suppliers.of_queue(suppliers.queues[PRICES], stack.workers())
    slots = sum(node.said["pool"]["max-concurrency"] for node in nodes)
    long = [f"slow-{number}" for number in range(slots - 1)]
    short = [f"fast-{number}" for number in range(SHORT)]
    suppliers.send(*long)
    suppliers.begun(len(long))
    suppliers.send(*short)
    suppliers.begun(slots)
    # A worker that has answered has had its turn to take what it wants to hold; a solo worker that
    # is busy takes nothing, and does not answer either
    still_s = patient(STILL_S)
    suppliers.app.control.broadcast("ping", reply=True, timeout=still_s, limit=stack.workers())
    suppliers.answer(*short)
    late = len(long) + SHORT - suppliers.begun(len(long) + SHORT)
    suppliers.answer(*long)
    suppliers.clear(len(long) + SHORT)
    ahead = [node.ahead for node in nodes]
    if not all(ahead):
        look_at = NO_LIMIT
    elif max(ahead) > 1:
        look_at = (
            f"celeryconfig.py: a worker may hold {max(ahead):g} messages for each slot, "
            "and no other worker can have them"
        )
    else:
        look_at = (
            "celeryconfig.py: a worker may hold 1 message for each slot; the one that runs "
            "is already acknowledged, so the worker holds one more"
        )
    did = f"let {len(long)} long tasks begin, in all slots but one, and sent {SHORT} short ones"
    saw = f"{late} short ones waited until a long one ended, while the free slot had no work"
    expected = f"all {SHORT} run in the free slot"
    require(not late, did=did, saw=saw, expected=expected, look_at=look_at)
