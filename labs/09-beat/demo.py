"""Lab 09: who sends which tick, with two beats, with one, and with none for a while."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis
from celery import Celery

from taskyard.deadline import until
from taskyard.errors import TaskyardError
from taskyard.kit.console import Show
from taskyard.kit.contract import load
from taskyard.kit.queue import Message
from taskyard.kit.recorder import wait_for_workers
from taskyard.kit.stack import ServiceError, Stack
from taskyard.kit.timeline import TaskRun, Timeline

TASK = "tasks.build_report"
TICKS = 6
AFTER = 4
MISSED = 4
RESTARTS = 2
"""After more than this many, a second beat has not ended by accident."""

MARK = 0.1
"""How wide a tick, which has no length, is drawn: as a part of the time between two of them."""

WRITTEN = 2
"""After this many ticks beat has written its file, and writes it again in three minutes."""
STARTS_ITSELF = True

leftovers = load(Path(__file__).with_name("leftovers.py"))


@dataclass
class Watch:
    """Take ticks out of the queue, and note when each came and who sent it."""

    store: redis.Redis
    every_s: float
    hosts: dict[str, str]
    ticks: list[TaskRun] = field(default_factory=list)

    def look(self) -> int:
        """Take what is there; return how many ticks have come so far."""
        for queue in self.store.scan_iter(_type="list"):
            if "pidbox" not in queue:
                while text := self.store.rpop(queue):
                    self.note(Message.parse(str(text)))
        return len(self.ticks)

    def note(self, tick: Message) -> None:
        sender = f"beat@{tick.origin.partition('@')[2]}"
        drawn = [one.span[1] for one in self.ticks if one.node == sender]
        begin = max(time.time(), *drawn[-1:], 0.0)
        end = begin + MARK * self.every_s
        self.ticks.append(TaskRun(tick.id, TASK, "", sender, begin, begin, end, "SUCCESS"))

    def until(self, holds: Callable[[], bool], what: str) -> None:
        until(lambda: self.look() >= 0 and holds(), what)

    def several(self, count: int) -> None:
        """Wait for `count` more ticks from every sender that still sends."""
        already = len(self.ticks)

        def have_come() -> bool:
            new = [tick.node for tick in self.ticks[already:]]
            return bool(new) and min(new.count(node) for node in set(new)) >= count

        self.until(have_come, f"{count} ticks")

    def senders(self) -> list[str]:
        return sorted({tick.node for tick in self.ticks})

    def timeline(self) -> Timeline:
        return Timeline(tuple(self.ticks), self.hosts)


def demo(stack: Stack, show: Show) -> None:
    take_files_along(stack)
    with show.step(f"starting {', '.join(stack.project.services)}"):
        start(stack)
    every_s = interval_s(stack)
    show.say()
    show.say(
        f"The report is due every {every_s:g} s here. Beat only writes a message for each tick: "
        "your worker rests meanwhile, and the demo takes the messages away."
    )
    with show.step("stopping your worker"):
        wait_for_workers(
            Celery(broker=stack.url_of("BROKER_URL"), set_as_current=False), stack.workers()
        )
        for service in {one.service for one in stack.worker_replicas()}:
            stack.stop(service)
    watch = two_beats(stack, show, every_s)
    down_for_a_while(stack, show, watch)
    show.say()
    show.say("Who sent which tick, and when:")
    show.raw(watch.timeline().chart(show.width, show.ascii_only))
    show.say()
    show.say(
        "Two beats do not share a schedule: each sends all of it. And a beat that was down knows "
        "only when it sent the last tick, so it catches up once."
    )


def start(stack: Stack) -> None:
    """Start the stack; one of several beats may end here, as `one_after_the_other` explains."""
    try:
        stack.up()
    except ServiceError:
        codes = [one.exit_code for one in stack.ps() if one.service == "beat"]
        if stack.choice.name != "local" or len(codes) < 2 or 1 not in codes:
            raise


def take_files_along(stack: Stack) -> None:
    """Remove beat's files with the run, as they go with a container; a kept run keeps them."""
    close = stack.close

    def close_and_remove(keep: bool = False) -> None:
        if keep or stack.choice.name != "local":
            close(keep)
            return
        with suppress(TaskyardError):
            stack.stop("beat")  # so that it removes its pid file, wherever that is
        close()
        for path in leftovers.files(stack.project):
            path.unlink()

    stack.close = close_and_remove


def interval_s(stack: Stack) -> float:
    """Read from the Compose file how long a night is here."""
    services = stack.project.services.values()
    for service in services:
        if text := service.environment.get("REPORT_EVERY_S"):
            return float(text)
    raise TaskyardError(
        "no service has `REPORT_EVERY_S`, so the report is due only at night",
        path=stack.project.path,
        hint='give beat the variable for the demo: REPORT_EVERY_S: "0.5"',
    )


def two_beats(stack: Stack, show: Show, every_s: float) -> Watch:
    """Count the messages that a tick costs while two beats run; a guard may keep the second out."""
    predicted = show.predict("two replicas of beat run. How many messages does each tick cost?")
    watch = new_watch(stack, every_s)
    if stack.choice.name == "local":
        one_after_the_other(stack, watch)
    refused, started = False, 0
    try:
        stack.scale("beat", 2)
    except ServiceError as error:
        refused = "already running" in str(error)
        codes = {replica.exit_code for replica in stack.ps() if replica.service == "beat"}
        if not refused and None not in codes:
            raise  # it is not only the second one that ended
    watch.ticks.clear()
    watch.hosts = hosts(stack)

    def is_clear() -> bool:
        nonlocal refused, started
        beats = [replica for replica in stack.ps() if replica.service == "beat"]
        codes = {replica.exit_code for replica in beats}
        restarts = max(replica.restarts for replica in beats) + started
        refused = refused or leftovers.REFUSED in codes or restarts > RESTARTS
        if not refused and codes - {None}:
            stack.start("beat")
            started += 1
        nodes = [tick.node for tick in watch.ticks]
        return refused or [nodes.count(one) >= WRITTEN for one in set(nodes)] == [True, True]

    with show.step(f"watching {TICKS} ticks"):
        watch.until(is_clear, "ticks from each beat")
        watch.ticks.clear()
        watch.several(TICKS)
    counts = [[tick.node for tick in watch.ticks].count(one) for one in watch.senders()]
    beat = stack.project.services["beat"]
    if refused and not leftovers.option(stack.project, beat, "--pidfile"):
        show.compare(predicted, "one: your files keep a second beat out, and it ended")
    elif refused:
        show.compare(predicted, "one: the second beat found the pid file of the first, and ended")
        show.say(
            "Here both are processes of one machine. Two containers have a file each, or are both "
            "process 1 in the same file: there, each tick would cost two messages."
        )
    else:
        show.compare(predicted, f"{sum(counts) / max(counts):.1f}, one from each beat")
        with show.step("removing the second beat"):
            stack.scale("beat", 1)
            watch.look()
        watch.several(TICKS)
    return watch


def one_after_the_other(stack: Stack, watch: Watch) -> None:
    """
    Leave one beat, with a whole file, so that a second one writes while the first does not.

    Two containers have a file each. Here both beats have the one in your folder, and if they write
    it at the same moment they tear it apart: then one ends, or both begin anew.
    """
    stack.stop("beat")
    for path in leftovers.files(stack.project):
        path.unlink()
    watch.look()
    before = len(watch.ticks)
    stack.scale("beat", 1)
    watch.until(lambda: len(watch.ticks) >= before + WRITTEN, "ticks from the first beat")


def down_for_a_while(stack: Stack, show: Show, watch: Watch) -> None:
    """Count what beat sends when it comes back after missing some ticks."""
    predicted = show.predict(
        f"beat stops, and {MISSED} ticks pass. How many does it send at once when it starts again?"
    )
    living = [one.index for one in stack.ps() if one.service == "beat" and one.exit_code is None]
    watch.look()
    stack.stop("beat")
    watch.look()
    before, stopped = len(watch.ticks), time.time()
    with show.step("beat is down"):
        watch.until(lambda: time.time() > stopped + MISSED * watch.every_s, "ticks to be missed")
        stack.start("beat", living[0])
        watch.until(lambda: len(watch.ticks) >= before + AFTER, "ticks of the beat that is back")
    new = [tick.span[0] for tick in watch.ticks[before:]]
    at_once = sum(moment < new[0] + watch.every_s / 2 for moment in new)
    missed = (new[0] - stopped) / watch.every_s
    show.compare(predicted, f"{at_once}, though {missed:.0f} ticks had passed by then")


def new_watch(stack: Stack, every_s: float) -> Watch:
    """Begin with an empty queue; a chart names the replicas as Compose does."""
    store = redis.Redis.from_url(stack.url_of("BROKER_URL"), decode_responses=True)
    watch = Watch(store, every_s, hosts(stack))
    watch.look()
    watch.ticks.clear()
    return watch


def hosts(stack: Stack) -> dict[str, str]:
    return {replica.hostname: replica.name for replica in stack.ps()}
