"""The requirements of lab 09, in the order of its README."""

import json
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery import Celery

from taskyard.compose import read
from taskyard.compose.model import Project
from taskyard.deadline import patient, until
from taskyard.kit.contract import load
from taskyard.kit.queue import Message, look
from taskyard.kit.recorder import NoWorkerError, wait_for_workers
from taskyard.kit.requirement import Unmet, require
from taskyard.kit.stack import COMPOSE_FILE, Replica, ServiceError, Stack

TASK = "tasks.build_report"
BROKER = "BROKER_URL"
TICKS = 5
COUNTED = f"counted the ticks until one beat had sent {TICKS}, and read who sent them"
MISSED = 3
SLACK = 1.5
"""Room for the catch-up, and for a first tick that is late because beat had to connect first."""
DEADLINE_S = 30.0
TALK_S = 10.0
QUIET_S = 20.0
DAY_S = 86400
ZONE = ZoneInfo("Europe/Berlin")
WEEKS = (datetime(2026, 3, 27, 12, tzinfo=ZONE), datetime(2026, 10, 23, 12, tzinfo=ZONE))
DAYS = 4

HERE = Path(__file__).parent
PROBE = (HERE / "probe.py").read_text(encoding="utf-8")
leftovers = load(HERE / "leftovers.py")


def beats(stack: Stack) -> list[Replica]:
    """List the replicas that a beat runs in."""
    names = {service.name for service in leftovers.with_beat(stack.project)}
    return [replica for replica in stack.ps() if replica.service in names]


def has_pid_file(project: Project) -> bool:
    """Tell whether a beat is told to write a pid file."""
    services = leftovers.with_beat(project)
    return any(leftovers.option(project, one, "--pidfile") for one in services)


def guarded_by_pid_file(refusal: str) -> Unmet:
    """Say why a pid file is no guard between containers, whichever engine shows it."""
    return Unmet(
        did="started your stack, and looked at which of its beats send",
        saw=f"more than one beat, and a pid file to keep the second out. {refusal}",
        expected="one beat",
        look_at="compose.yaml, beat: a pid file holds the number of a process, and each container "
        "counts its processes from 1. Between two containers it guards nothing",
    )


def one_of_several(project: Project, did: str, saw: str) -> Unmet:
    """Say why several beats are too many."""
    look_at = "compose.yaml, beat: how many beats run, and is each of them needed? "
    look_at += "Each has a schedule of its own, and sends on its own"
    if any(leftovers.is_embedded(project, one) for one in project.services.values()):
        look_at = "compose.yaml, worker: `-B` puts a beat into every replica of the worker"
    return Unmet(did=did, saw=saw, expected=f"{TICKS} ticks, all sent by one beat", look_at=look_at)


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stack]:
    """The learner's stack; a second beat may end while it starts, and no file of beat is left."""
    project = read(folder / COMPOSE_FILE)
    with leftovers.put_back(project):
        try:
            stack: Stack = request.getfixturevalue("stack")
        except ServiceError as error:
            if "already running" in str(error):
                raise guarded_by_pid_file(f"One of them ended: {error}") from None
            if sum(service.replicas for service in leftovers.with_beat(project)) > 1:
                # two beats that write one file at the same moment can tear it apart
                raise one_of_several(project, "started your stack", str(error)) from None
            raise
        yield stack
        for service in {replica.service for replica in beats(stack)}:
            stack.stop(service)  # so that each removes its pid file, wherever that is
        stack.close()


def every_s(stack: Stack) -> float:
    services = stack.project.services.values()
    return float(next(filter(None, (s.environment.get("REPORT_EVERY_S") for s in services)), 0.5))


class Workers:
    """The workers that take the ticks; they can be told to rest, and to go on."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.app = Celery(broker=stack.url_of(BROKER), set_as_current=False)
        self.queues: dict[str, list[str]] = {}
        """The queues of each node, kept while it rests."""

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

    def ran(self) -> int:
        """Count the ticks that they have begun to run, whatever they report or store of them."""
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

    def _tell(self, command: str) -> None:
        for node, queues in self.queues.items():
            for queue in queues:
                asked = {"reply": True, "timeout": DEADLINE_S, "limit": 1, "destination": [node]}
                self.app.control.broadcast(command, arguments={"queue": queue}, **asked)


@pytest.fixture(scope="module")
def workers(stack: Stack) -> Workers:
    return Workers(stack)


def waiting(stack: Stack) -> dict[str, str]:
    """Return the ticks that wait in any queue: each id, and who sent it, such as `gen7@beat-1`."""
    return origins(one for queue in look(stack.url_of(BROKER)).waiting.values() for one in queue)


def held(stack: Stack) -> dict[str, str]:
    """Return the ticks that wait or that a worker holds, in the same form."""
    return waiting(stack) | origins(look(stack.url_of(BROKER)).unacknowledged)


def origins(messages: Iterable[Message]) -> dict[str, str]:
    return {one.id: one.origin for one in messages if one.task == TASK}


def test_each_tick_is_sent_once(stack: Stack, workers: Workers) -> None:
    """While beat runs, each tick that is due is sent once."""
    workers.rest()
    several = beats(stack)
    if len(several) > 1:
        raise too_many(stack, several)
    try:
        until(lambda: max(senders(stack).values(), default=0) >= TICKS, "")
    except TimeoutError:
        raise Unmet(
            did=f"waited for {TICKS} ticks, while no worker took any",
            saw=f"{senders(stack).total()} in {DEADLINE_S:g} s. {said_last(stack, several)}",
            expected=f"one every {every_s(stack):g} s, as REPORT_EVERY_S says",
            look_at="compose.yaml: which service runs beat, and may it write where it wants to?",
        ) from None
    sent = senders(stack)
    if len(sent) > 1:
        raise one_of_several(stack.project, COUNTED, said_who(sent))


def too_many(stack: Stack, several: list[Replica]) -> Unmet:
    """Let several beats send side by side, and say what came of it."""
    wait_until_all_talk(stack)
    early = set(waiting(stack))
    with suppress(TimeoutError):  # they may have ended one another
        until(lambda: max(senders(stack, early).values(), default=0) >= TICKS, "")
    sent = senders(stack, early)
    hosts = {name.partition("@")[2] for name in sent}
    saw = said_who(sent)
    for one in several:
        if one.hostname not in hosts:
            last = stack.last_line(one.service, one.index)
            saw += f". {one.name} has sent none; its log ends with: {last}"
    if not has_pid_file(stack.project):
        return one_of_several(stack.project, COUNTED, saw)
    refused = [one.name for one in beats(stack) if one.exit_code == leftovers.REFUSED]
    if refused:
        saw = (
            f"Here {' and '.join(refused)} ended with {leftovers.REFUSED}, because both are "
            "processes of one machine; two containers would both send"
        )
    return guarded_by_pid_file(saw)


def senders(stack: Stack, early: Collection[str] = ()) -> Counter[str]:
    """Count the ticks that wait, except the early ones, by sender."""
    return Counter(name for one, name in waiting(stack).items() if one not in early)


def said_who(sent: Counter[str]) -> str:
    return f"{sent.total()} ticks, sent by {' and by '.join(sorted(sent)) or 'nobody'}"


def wait_until_all_talk(stack: Stack) -> None:
    """Give each beat time to send a first tick, or to end; a beat may do neither."""

    def have_begun() -> bool:
        hosts = {name.partition("@")[2] for name in waiting(stack).values()}
        return all(
            replica.hostname in hosts
            or replica.exit_code is not None
            or "already running" in stack.logs(replica.service, replica.index)
            for replica in beats(stack)
        )

    with suppress(TimeoutError):
        until(have_begun, "", TALK_S)


def said_last(stack: Stack, several: list[Replica]) -> str:
    """Say how the log of each beat ends."""
    names = sorted({replica.service for replica in several})
    ends = (f"The log of {name} ends with: {stack.last_line(name)}" for name in names)
    return " ".join(ends) or "No service runs `celery -A tasks beat`"


def test_old_ticks_are_skipped(stack: Stack, workers: Workers) -> None:
    """A tick that nobody could run in time is skipped, and the next one runs."""
    with suppress(TimeoutError):
        until(lambda: len(waiting(stack)) >= 2 * TICKS, "")
    late, before = set(waiting(stack)), workers.ran()
    workers.go_on()
    did = f"let {len(late)} ticks wait for a worker, and looked at what it did with them"
    with suppress(TimeoutError):
        until(lambda: late.isdisjoint(held(stack)), "")
    ran = workers.ran() - before
    try:
        until(lambda: workers.ran() > before + ran, "")
    except TimeoutError:
        raise Unmet(
            did=did,
            saw=f"it ran {ran}, and none of those that came later",
            expected="the late ones are skipped, and those that follow run",
            look_at="tasks.py: from which moment is the expiry of a tick counted?",
        ) from None
    require(
        ran <= len(late) // 2,
        did=did,
        saw=f"it ran {ran} of the {len(late)}, one after the other, for the same orders",
        expected=f"it skips those that have waited for {every_s(stack):g} s",
        look_at="tasks.py, beat_schedule: when does such a message stop being worth anything?",
    )


def test_due_in_the_zone_of_the_shop(stack: Stack) -> None:
    """The report is due at 03:00 in Berlin, once a day, even when the clocks change."""
    starts = [week.isoformat() for week in WEEKS]
    said = probe(stack, "due", TASK, str(DAYS), *starts, without="REPORT_EVERY_S")
    due = [datetime.fromtimestamp(one, ZONE) for one in said["due"]]
    wanted = [
        (week + timedelta(days=day)).replace(hour=3) for week in WEEKS for day in range(1, DAYS + 1)
    ]
    did = "asked your schedule, without REPORT_EVERY_S, about each day of two weeks: summer "
    did += "time begins in one of them, and ends in the other"
    expected = "at 03:00 in Berlin, once a day"
    seen = Counter(f"{one:%H:%M}" for one in due)
    often, first = len(due) > len(wanted), min(seen, default="never")
    saw = f"it is due {len(due)} times in {2 * DAYS} days, the first at {first}"
    if not often:
        saw = "in Berlin it is due at " + " and at ".join(sorted(seen) or ["no time"])
    look_at = "tasks.py: beat counts in UTC until `app.conf.timezone` says otherwise, and "
    look_at += "ignores TZ. Does your hour stay where it is when the clocks change?"
    if often:
        look_at = "tasks.py: which minutes does `crontab` mean when you give it none?"
    require(due == wanted, did=did, saw=saw, expected=expected, look_at=look_at)
    stay = [one for one in said["expires"] if type(one) not in (int, float) or not 0 < one < DAY_S]
    require(
        not stay,
        did=f"{did}, and read how soon a tick that it sends expires",
        saw=f"without REPORT_EVERY_S, `expires` is {' and '.join(map(str, stay))}",
        expected=f"a number of seconds, more than 0 and fewer than a day has ({DAY_S})",
        look_at="tasks.py, beat_schedule: a number counts from the moment of sending. A date is "
        "fixed when tasks.py is read",
    )


def probe(stack: Stack, *words: str, without: str = "") -> Any:
    """Run a function of probe.py beside beat and return what it found."""
    environment = ["env", "-u", without] if without else []
    done = stack.exec("beat", [*environment, "python", "-c", PROBE, *words])
    if done.exit_code:
        raise Unmet(
            did="looked at your schedule beside beat, in its environment",
            saw=(done.stderr.strip().splitlines() or ["nothing"])[-1],
            expected="the app of tasks.py, and its schedule",
            look_at="tasks.py",
        )
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_a_second_beat_is_refused(stack: Stack, workers: Workers) -> None:
    """A second beat, started by hand beside the first, ends before it sends anything."""
    workers.rest()
    until(lambda: waiting(stack), "a tick of the first beat")
    beat = stack.project.services["beat"]
    words = [*(beat.entrypoint or ()), *(beat.command or ())]
    quiet_s = patient(QUIET_S)
    said = probe(stack, "second", TASK, str(quiet_s), *words)
    look_at = "compose.yaml, beat: Celery writes a pid file where `--pidfile` names one"
    if has_pid_file(stack.project):
        look_at = "compose.yaml, beat: Celery itself removes the file of a dead process. Who "
        look_at += "removes that of a live one?"
    saw = f"a second beat that has not ended after {said['waited_s']:.0f} s"
    if said["sent"]:
        saw = "a second beat that begins to send, and nothing stops it"
    require(
        said["code"] is not None and not said["sent"],
        did="ran the command of beat once more in its container, while the first beat ran",
        saw=saw,
        expected="it ends by itself before it sends, as Celery's own guard does with exit code "
        f"{leftovers.REFUSED}",
        look_at=look_at,
    )


def test_a_killed_beat_starts_again(stack: Stack, workers: Workers) -> None:
    """A beat that was killed starts again, and sends at most one tick for all that it missed."""
    workers.rest()
    stack.kill("beat")
    killed, before = time.monotonic(), set(waiting(stack))
    missed_s = MISSED * every_s(stack)
    until(lambda: time.monotonic() > killed + missed_s, "ticks to be missed")
    stack.start("beat")
    none_at = time.monotonic()

    def has_sent() -> bool:
        nonlocal none_at
        now, new = time.monotonic(), set(waiting(stack)) - before
        none_at = now if not new else none_at
        return len(new) >= MISSED

    did = f"killed beat, let {MISSED} ticks be missed, and started it again"
    try:
        until(has_sent, "")
    except TimeoutError:
        raise Unmet(
            did=did,
            saw=f"it sent none; its log ends with: {stack.last_line('beat')}",
            expected="ticks, as before",
            look_at="compose.yaml, beat: what did the killed one leave behind?",
        ) from None
    new = len(set(waiting(stack)) - before)
    due = (time.monotonic() - none_at) / every_s(stack) + 1
    require(
        new <= due + SLACK,
        did=did,
        saw=f"{new} ticks at once",
        expected="one for all that were missed, then one at a time",
        look_at="tasks.py: what sends the ticks that were missed?",
    )


def test_a_new_container_remembers(stack: Stack) -> None:
    """A beat in a new container remembers what the old one sent."""
    sent = MISSED  # at least, since its last start
    stack.scale("beat", 0)
    if stack.choice.name == "local":
        for path in leftovers.files(stack.project):
            path.unlink()
    stack.scale("beat", 1)
    before = set(waiting(stack))
    until(lambda: set(waiting(stack)) - before, "a tick from the new beat")
    mounts = (mount.target for mount in stack.project.services["beat"].volumes)
    remembered = probe(stack, "remembered", TASK, ".", *mounts)
    require(
        remembered >= sent,
        did="removed the container of beat, made a new one, and read its schedule file",
        saw=f"it knows of {remembered} ticks, and the old one had sent more than {sent}. "
        "What was due in between is lost, and the interval begins anew",
        expected="the new one knows when the last tick was sent",
        look_at="compose.yaml, beat: what is left of its files when the container is gone?",
    )
