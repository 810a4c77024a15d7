"""A replica's pauses and deadlines, on a clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from taskyard.deadline import until
from taskyard.engine.process import PROBE_S, REPLICA_MARK, STABLE_S, Process
from taskyard.engine.remains import PROJECT_MARK

SEEN_S = 10.0
STEP_S = 0.02

INTERVAL_S, TIMEOUT_S, RETRIES, GRACE_S = 3.0, 5.0, 3, 10.0


def health(*argv: str, start_period_s: float = 0.0) -> dict[str, Any]:
    return {
        "argv": list(argv),
        "interval_s": INTERVAL_S,
        "timeout_s": TIMEOUT_S,
        "retries": RETRIES,
        "start_period_s": start_period_s,
        "start_interval_s": INTERVAL_S,
    }


class StandingClock(asyncio.SelectorEventLoop):
    """An event loop for real processes, whose clock only `move` moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[asyncio.TimerHandle] = []
        super().__init__()

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, *callback: Any, **more: Any) -> asyncio.TimerHandle:
        self.timers.append(super().call_at(when, *callback, **more))
        return self.timers[-1]

    def is_set_for(self, seconds: float) -> bool:
        """Tell whether something is due in this many seconds."""
        left = (timer.when() - self.now for timer in self.timers if not timer.cancelled())
        return any(abs(one - seconds) < STEP_S / 2 for one in left)

    async def move(self, seconds: float) -> None:
        """Move the clock on, and let what is due by then begin."""
        self.now += seconds
        for _ in range(3):  # a timer that is due wakes a task, which may set the next timer
            await asyncio.sleep(0)

    async def wait(self, seconds: float) -> None:
        """Require that something waits this long and not less, and let that time pass."""
        await seen(lambda: self.is_set_for(seconds), f"a pause of {seconds:g} s")
        await self.move(seconds - STEP_S)
        assert self.is_set_for(STEP_S)
        await self.move(STEP_S)


Story = Callable[[StandingClock, Callable[..., Process]], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Story], None]:
    """Run a story on a clock of its own; no process outlives it."""
    made: list[Process] = []

    def process(*argv: str, **more: Any) -> Process:
        marks = {PROJECT_MARK: f"story-{secrets.token_hex(4)}", REPLICA_MARK: "one/1"}
        how: dict[str, Any] = {
            "stop_signal": signal.SIGTERM,
            "grace_s": GRACE_S,
            "restart": "no",
            "max_retries": None,
            "health": None,
        }
        log, env = str(tmp_path / "log"), {"PATH": os.environ["PATH"], **marks}
        made.append(Process("one/1", list(argv), env, str(tmp_path), log, **(how | more)))
        return made[-1]

    def run(story: Story) -> None:
        async def whole(clock: StandingClock) -> None:
            try:
                await story(clock, process)
            finally:
                for one in made:
                    one.forgo_restart()
                    one.send(signal.SIGKILL)
                    await one.ended.wait()

        with asyncio.Runner(loop_factory=StandingClock) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, StandingClock)
            runner.run(whole(loop))

    return run


async def seen(condition: Callable[[], object], what: str) -> None:
    """Wait for something that takes its own time, whatever the clock shows."""
    await asyncio.to_thread(until, condition, what, SEEN_S)


def test_the_pause_before_a_restart_doubles_up_to_a_minute(play: Callable[[Story], None]) -> None:
    """Twelve restarts, which would take four minutes on a clock that runs."""

    async def story(clock: StandingClock, process: Callable[..., Process]) -> None:
        failing = process("false", restart="always")
        await failing.begin()
        for number in range(12):
            await clock.wait(min(0.1 * 2**number, 60.0))
        await seen(lambda: failing.restarts == 12, "the last restart")

    play(story)


def test_a_replica_that_ran_for_long_starts_again_at_once(play: Callable[[Story], None]) -> None:
    """What it had failed before is forgotten."""

    async def story(clock: StandingClock, process: Callable[..., Process]) -> None:
        steady = process("sleep", "600", restart="always")
        await steady.begin()
        for ran_s, pause_s in ((0, 0.1), (0, 0.2), (0, 0.4), (STABLE_S + 1, 0.1)):
            await seen(lambda: steady.pid, "a start")
            await clock.move(ran_s)
            steady.send(signal.SIGKILL)
            await clock.wait(pause_s)

    play(story)


def test_a_kill_in_the_middle_of_a_restart_is_not_lost(play: Callable[[Story], None]) -> None:
    """The process that begins at that moment does not outlive it."""

    async def story(clock: StandingClock, process: Callable[..., Process]) -> None:
        steady = process("sleep", "600", restart="always")
        await steady.begin()
        steady.send(signal.SIGKILL)
        await clock.wait(0.1)
        assert (steady.state, steady.pid) == ("running", None)
        steady.forgo_restart()
        steady.send(signal.SIGKILL)
        await seen(steady.ended.is_set, "its end")
        assert (steady.state, steady.pid) == ("exited", None)

    play(story)


def test_a_replica_is_unhealthy_after_so_many_failures_an_interval_apart(
    play: Callable[[Story], None], tmp_path: Path
) -> None:
    """Tests that come sooner, so that nobody waits for long, do not count as failures."""

    async def story(clock: StandingClock, process: Callable[..., Process]) -> None:
        sick = process("sleep", "600", health=health("test", "-e", str(tmp_path / "good")))
        await sick.begin()
        while sick.health_state != "unhealthy":
            assert clock.now < 2 * RETRIES * INTERVAL_S
            await clock.wait(PROBE_S)
        # The probe that counts is the one that comes after the interval
        assert clock.now == pytest.approx(RETRIES * INTERVAL_S, rel=0.1)
        await seen(lambda: clock.is_set_for(PROBE_S), "the end of the test that runs now")
        (tmp_path / "good").touch()
        await clock.wait(PROBE_S)
        await seen(lambda: sick.health_state == "healthy", "health")

    play(story)


def test_a_failure_in_the_start_period_counts_for_nothing(play: Callable[[Story], None]) -> None:
    """Many more of them than `retries` leave a replica `starting`."""

    async def story(clock: StandingClock, process: Callable[..., Process]) -> None:
        slow = process("sleep", "600", health=health("false", start_period_s=1e6))
        await slow.begin()
        for _ in range(10 * RETRIES):
            await clock.wait(PROBE_S)
            await clock.move(INTERVAL_S)
        assert slow.health_state == "starting"

    play(story)


def test_a_health_test_that_does_not_answer_is_ended(play: Callable[[Story], None]) -> None:
    """At its `timeout`, and not before; its process goes with it."""

    async def story(clock: StandingClock, process: Callable[..., Process]) -> None:
        mute = process("sleep", "600", health=health("sleep", "601"))
        await mute.begin()
        await clock.wait(TIMEOUT_S)
        await seen(lambda: mute.health_log == "no answer in 5 s", "the end of the test")

    play(story)


def test_who_ignores_the_stop_signal_is_killed_after_its_grace(
    play: Callable[[Story], None], tmp_path: Path
) -> None:
    """And not before."""

    async def story(clock: StandingClock, process: Callable[..., Process]) -> None:
        deaf = process("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 600; done")
        await deaf.begin()
        await seen(lambda: "ready" in (tmp_path / "log").read_text(), "its trap")
        stopping = asyncio.create_task(deaf.stop())
        await clock.wait(GRACE_S)
        await seen(stopping.done, "its end")
        assert (deaf.state, deaf.exit_code) == ("exited", 128 + signal.SIGKILL)

    play(story)
