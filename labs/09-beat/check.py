"""The requirements of lab 09, in the order of its README."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from taskyard.compose import read
from taskyard.deadline import patient, until
from taskyard.kit.contract import load
from taskyard.kit.requirement import Unmet, require
from taskyard.kit.stack import COMPOSE_FILE, Choice, ServiceError, Stack

EDIT = ("compose.yaml", "tasks.py", "Dockerfile")
HERE = Path(__file__).parent
guarding, leftovers, planning, rivals, slow_nights, witness = (
    load(HERE / f"{name}.py")
    for name in ("guard", "leftovers", "plan", "rivals", "slow_nights", "witness")
)

VARIABLE = planning.VARIABLE
EVERY_S = 0.5
OWN_S = 1000.5
"""Another length of a night, of which nobody has heard before."""

SLOW_S = 3.0
"""The length of a night in which a beat can start, on a quiet machine."""

TICKS = 8
LATE = 10
MISSED = 2
IN_FLIGHT = 2
"""More ticks than nights that have passed: one at each end of the time."""

TRIES = 3
QUIET_S = 20.0


@pytest.fixture(scope="module")
def files(folder: Path) -> Any:
    """The learner's files, before any beat has written others."""
    return slow_nights.files_in(folder, leftovers.files(read(folder / COMPOSE_FILE)))


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, folder: Path, files: Any) -> Iterator[Stack]:
    """The learner's stack; a second beat may end while it starts, and no file of beat is left."""
    project = read(folder / COMPOSE_FILE)
    with leftovers.put_back(project):
        try:
            stack: Stack = request.getfixturevalue("stack")
        except ServiceError as error:
            raise rivals.blame_start(project, leftovers, error) or error from None
        yield stack
        for service in leftovers.with_beat(project):
            stack.stop(service.name)  # so that it removes its pid file, wherever that is
        stack.close()


@pytest.fixture(scope="module")
def seen(stack: Stack) -> Any:
    """What is seen of the stack from outside."""
    return witness.Witness(stack)


@pytest.fixture(scope="module")
def plans(stack: Stack, seen: Any) -> Any:
    """What the schedule plans for nights of another length, and for real ones."""
    return planning.Plan(stack, OWN_S), planning.Plan(stack)


@pytest.fixture(scope="module")
def slow(stack: Stack, folder: Path, files: Any, choice: Choice) -> Iterator[Any]:
    """The same stack with nights that are longer than a start of beat; the first one is down."""
    idle = {replica.service for replica in stack.worker_replicas()}
    stack.down()
    night_s, copy = patient(SLOW_S), stack.state / "slow"
    slow_nights.prepare(folder, files, copy, night_s, idle)
    with Stack(copy, choice, label="check-beat") as slow:
        yield slow_nights.SlowNights(slow, files, witness.Witness(slow).waiting, night_s)
        slow.close()


def test_each_tick_is_sent_once(request: pytest.FixtureRequest, stack: Stack, seen: Any) -> None:
    """While beat runs, each tick that is due is sent once."""
    services = stack.project.services.values()
    values = {one.environment[VARIABLE] for one in services if VARIABLE in one.environment}
    require(
        all(float(value) == EVERY_S for value in values),
        did=f"read {VARIABLE} in your compose.yaml",
        saw=" and ".join(sorted(values)),
        expected=f"{EVERY_S:g}, as you got it",
        look_at=f"compose.yaml, {VARIABLE}: how long is a night in this lab?",
    )
    seen.rest()
    others = rivals.Rivals(stack, leftovers, seen)
    others.wait_until_all_talk()
    early, begun = set(seen.waiting()), time.monotonic()

    def none_came() -> Unmet:
        return others.blame(early) or Unmet(
            did=f"waited for {TICKS} ticks, while no worker took any",
            saw=f"{seen.senders(early).total()}. {stack.last_words()}",
            expected=f"one every {EVERY_S:g} s, as {VARIABLE} says",
            look_at="compose.yaml: which service runs beat, and may it write where it wants to?",
        )

    until(
        lambda: max(seen.senders(early).values(), default=0) >= TICKS,
        f"{TICKS} ticks",
        missed=none_came,
    )
    count, lasted_s = seen.senders(early).total(), time.monotonic() - begun
    if unmet := others.blame(early):
        raise unmet
    request.getfixturevalue("plans")[0].require_one_entry()  # not before there is one beat
    require(
        count <= lasted_s / EVERY_S + IN_FLIGHT,
        did="counted the ticks that came while no worker took any",
        saw=f"{count} in {lasted_s:.1f} s",
        expected=f"one every {EVERY_S:g} s",
        look_at="tasks.py: what sends a tick, beside the entry of the schedule?",
    )


def test_old_ticks_are_skipped(stack: Stack, seen: Any, plans: Any) -> None:
    """A tick that nobody could run in time is skipped, and the next one runs."""
    until(lambda: len(seen.waiting()) >= LATE, f"{LATE} ticks that wait")
    ends = Counter(tick.expires for tick in seen.waiting().values())
    did = f"read the messages of {ends.total()} ticks that wait"
    options = planning.listed(plans[0].options) or "none"
    require(
        "" not in ends,
        did=did,
        saw=f"{ends['']} of them never expire; the options of your entry: {options}",
        expected="each says from when on no worker runs it",
        look_at="tasks.py, beat_schedule: when does such a message stop being worth anything? "
        "How long a run may take, how long a result stays and how late beat may be are other times",
    )
    require(
        len(ends) > 1,
        did=did,
        saw=f"all of them expire at one moment, {next(iter(ends))}",
        expected=f"each expires {EVERY_S:g} s after it was sent",
        look_at=planning.FIXED,
    )
    taken = {queue for queues in seen.queues.values() for queue in queues}
    for plan in plans:
        plan.require_readers(seen.by_queue(), taken)
        plan.require_expiry()
    late, before = set(seen.waiting()), seen.ran()
    seen.go_on()
    did = f"let {len(late)} ticks wait for a worker, and looked at what it did with them"
    with suppress(TimeoutError):
        until(lambda: late.isdisjoint(seen.held()), "the late ones to be taken")
    ran = seen.ran() - before

    def none_ran() -> Unmet:
        return Unmet(
            did=did,
            saw=f"it ran {ran}, and none of those that came later; {stack.last_words()}",
            expected="the late ones are skipped, and those that follow run",
            look_at="compose.yaml, worker, and tasks.py: what becomes of a tick that is in time?",
        )

    until(lambda: seen.ran() > before + ran, "a tick in time to run", missed=none_ran)
    require(
        ran <= len(late) // 2,
        did=did,
        saw=f"it ran {ran} of the {len(late)}, one after the other, for the same orders",
        expected=f"it skips those that have waited for {EVERY_S:g} s",
        look_at="compose.yaml, worker, and tasks.py: who runs a message that has expired?",
    )
    plans[0].require_work()


def test_due_in_the_zone_of_the_shop(plans: Any) -> None:
    """The report is due at 03:00 in Berlin, once a day, even when the clocks change."""
    plans[1].require_berlin()


def test_a_second_beat_is_refused(stack: Stack, seen: Any) -> None:
    """A second beat, started by hand beside the first, ends before it sends anything."""
    seen.rest()
    until(seen.waiting, "a tick of the first beat")
    locks = seen.ends()
    has_pid_file = rivals.has_pid_file(stack.project, leftovers)
    guard = guarding.Guard(stack, has_pid_file, patient(QUIET_S))
    guard.refuses("a second beat")
    guard.refuses("a third beat", after="the second one was refused")

    def are_settled() -> bool:
        now = seen.ends()
        return all(now.get(key, end_s) > end_s + 0.5 for key, end_s in locks.items() if key in now)

    until(are_settled, "the locks in Redis to be renewed, or to end", witness.SOON_S)
    if ended := sorted(locks.keys() - seen.ends().keys()):
        after = f"{planning.listed(ended)} in Redis, which nobody had renewed, came to its end"
        guard.refuses("another beat", after=after)


def test_a_killed_beat_starts_again(slow: Any) -> None:
    """A beat that was killed starts again, and sends at most one tick for all that it missed."""
    did = f"killed beat, let {MISSED} ticks be missed, and started it again"
    until(slow.ticks, "a first tick", 30.0 + slow.night_s)
    for _ in range(TRIES):
        slow.stack.kill("beat")
        back = slow.bring_back(did, lambda: slow.stack.start("beat"), MISSED)
        slow.remembers_in_place |= back.waited_s < slow.night_s
        if back.at_once == 1:
            return
    raise Unmet(
        did=did,
        saw=f"{back.at_once} ticks at once",
        expected="one for all that were missed, then one at a time",
        look_at="tasks.py: what sends a tick when beat starts, beside the schedule?",
    )


def test_a_new_container_remembers(slow: Any) -> None:
    """A beat in a new container remembers what the old one sent."""
    did = "removed the container of beat, let a night pass, and made a new one"
    for _ in range(TRIES):
        slow.mark_volumes()
        slow.stack.scale("beat", 0)
        slow.forget()
        back = slow.bring_back(did, lambda: slow.stack.scale("beat", 1), 1)
        if back.waited_s < slow.night_s:
            return
    look_at = "compose.yaml, beat: what is left of its files when the container is gone?"
    if slow.keeps_a_volume():
        look_at = "compose.yaml and tasks.py, beat: its volume stays. Does a new container look "
        look_at += "for another name in it than the old one wrote?"
    if not slow.remembers_in_place:
        look_at = "compose.yaml and tasks.py, beat: a restart of the same container has forgotten, "
        look_at += "too. Who keeps when a tick was sent, and what becomes of that at a start?"
    raise Unmet(
        did=did,
        saw=f"its first tick came {back.waited_s:.1f} s later, though a night has "
        f"{slow.night_s:.1f} s: what was due in between is lost, and the night begins anew",
        expected="it knows when the last tick was sent, so the next one is due at once",
        look_at=look_at,
    )
