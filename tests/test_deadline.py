"""Waiting ends: with what was waited for, or with words about what was there instead."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
import yaml

from taskyard.compose.units import seconds
from taskyard.deadline import MOST, BusyError, DeadlineError, slowness, until
from taskyard.files import ROOT

START_S = 30.0
"""More than any container of the course takes to start on an idle machine."""


def test_the_answer_comes_back() -> None:
    """The first true answer ends the wait and is returned."""
    numbers = iter([0, 0, 7, 8])
    assert 7 == until(lambda: next(numbers), "a number")


def test_a_deadline_says_what_was_waited_for() -> None:
    """A wait that ends without its answer names both what was wanted and what was seen."""
    with pytest.raises(TimeoutError, match=r"^waited 0 s for a worker; saw 2 messages$"):
        until(lambda: None, "a worker", timeout_s=0, saw=lambda: "2 messages")


def test_a_late_look_counts() -> None:
    """What is there is still found if the deadline passes during the look."""
    assert "there" == until(lambda: "there", "nothing", timeout_s=-1)


def ask_in_vain(*slow: float) -> tuple[DeadlineError, int]:
    """Wait in vain on a machine with a speed for each deadline; return the error, and the looks."""
    speeds = iter(slow)
    looks = 0

    def control() -> float:
        nonlocal looks
        looks += 1
        return next(speeds)

    with pytest.raises(DeadlineError) as raised:
        until(lambda: None, "a result", 0.1, control=control)
    return raised.value, looks


def test_an_idle_machine_gets_the_deadline_that_was_given() -> None:
    """No time needs to be added."""
    error, looks = ask_in_vain(1)
    assert (str(error), looks) == ("waited 0.1 s for a result", 1)


def test_a_slow_machine_gets_as_much_more_time_as_it_is_slow() -> None:
    """After that, the deadline has passed as on any other machine, which is a verdict."""
    error, looks = ask_in_vain(3, 3)
    assert (str(error), looks) == ("waited 0.3 s for a result", 2)
    assert not isinstance(error, BusyError)


def test_a_machine_that_gets_slower_gets_more() -> None:
    """Each deadline looks at the machine anew."""
    error, looks = ask_in_vain(2, 4, 4)
    assert (str(error), looks) == ("waited 0.4 s for a result", 3)


def test_a_machine_that_is_too_busy_decides_nothing() -> None:
    """It gets a bounded time, and then an error of its own that says so."""
    error, _ = ask_in_vain(MOST * 10, MOST * 10)
    assert isinstance(error, BusyError)
    assert str(error) == f"this machine is too busy to decide: waited {MOST / 10:g} s for a result"


def test_a_busy_hour_that_is_over_at_the_end_decides() -> None:
    """What has not come in such a long time will not come."""
    error, _ = ask_in_vain(MOST * 10, 1)
    assert not isinstance(error, BusyError)


def test_what_comes_in_the_time_that_was_added_is_found() -> None:
    """The slow machine's right answer is right."""
    late: list[str] = []

    def control() -> float:
        late.append("there")
        return 2

    assert "there" == until(lambda: late and late[0], "a result", 0.1, control=control)


def test_a_machine_that_computes_beside_others_is_slower_than_one_that_does_not() -> None:
    """The control sees other processes: it is one, and more where cores are shared."""
    spins = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(4 * (os.cpu_count() or 1))
    ]
    try:
        until(lambda: slowness() > 1.5, "the control to see the spinning processes")
    finally:
        for spin in spins:
            spin.kill()
            spin.wait()


def test_who_waits_may_say_what_a_missed_deadline_means() -> None:
    """It does not hold if the machine was too busy for the deadline to mean anything."""
    with pytest.raises(KeyError, match="gone"):
        until(lambda: False, "it", 0.01, control=lambda: 1.0, missed=lambda: KeyError("gone"))
    with pytest.raises(BusyError):
        until(lambda: False, "it", 0.01, control=lambda: 100.0, missed=lambda: KeyError("gone"))


def test_waits_that_share_a_deadline_share_the_time_that_a_slow_machine_adds() -> None:
    """The second has what the first left of the whole, and not of what an idle machine needs."""
    begin = time.monotonic()
    with pytest.raises(DeadlineError, match=r"waited 0\.2 s"):
        until(lambda: False, "the first", 0.1, control=lambda: 2.0, since=begin)
    looks = 0

    def control() -> float:
        nonlocal looks
        looks += 1
        return 8.0

    assert until(lambda: looks, "the second", 0.1, control=control, since=begin)


@pytest.mark.parametrize("service", ["jupyter", "redis"])
def test_a_container_of_the_course_has_the_time_of_a_slow_machine(service: str) -> None:
    """Docker moves no deadline by itself, so each is as late as the last one of ours."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    period_s = seconds(services[service]["healthcheck"]["start_period"])
    assert period_s >= MOST * START_S
