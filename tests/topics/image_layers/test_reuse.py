"""Steps that run again by themselves are the engine's doing, and no fault of a Dockerfile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest

from taskyard.topics.image_layers.builder import Build, BuiltStep
from taskyard.topics.image_layers.reuse import TRIES, CacheLostError, steps_again

CHANGED = "change"


def ran(*numbers: int) -> Build:
    """Return a build of three steps in which these ran."""
    steps = (BuiltStep("build", one, f"RUN {one}", one not in numbers) for one in (1, 2, 3))
    return Build("shop:1", tuple(steps), 1.0)


def every_step(build: Build) -> Sequence[BuiltStep]:
    return build.ran


def tell(builds: Iterable[Build]) -> tuple[Callable[[], Build], Callable[[], None], list[str]]:
    """Return a build that gives these one after the other, a change, and what was called."""
    rest, called = iter(builds), list[str]()

    def build() -> Build:
        called.append("build")
        return next(rest)

    return build, lambda: called.append(CHANGED), called


def test_what_a_change_leaves_alone_is_seen_at_once() -> None:
    build, change, called = tell([ran(1, 2, 3), ran(), ran()])
    assert () == steps_again(build, change, every_step)
    assert ["build", "build", CHANGED, "build"] == called


def test_what_every_change_runs_again_is_the_dockerfile_s() -> None:
    build, change, _ = tell([ran(1, 2, 3), ran(), ran(2, 3), ran(), ran(2)])
    assert [2] == [step.number for step in steps_again(build, change, every_step)]


def test_a_step_that_the_engine_forgot_once_is_not_held_against_anybody() -> None:
    """It runs again after one change, and not after the next."""
    build, change, _ = tell([ran(1, 2, 3), ran(), ran(1), ran(), ran()])
    assert () == steps_again(build, change, every_step)


def test_no_verdict_rests_on_a_build_that_ran_again_unchanged() -> None:
    """The control ran again: nothing is changed before one does not."""
    build, change, called = tell([ran(1, 2, 3), ran(1), ran(), ran()])
    assert () == steps_again(build, change, every_step)
    assert ["build", "build", "build", CHANGED, "build"] == called


def test_a_cache_that_never_holds_is_said() -> None:
    build, change, called = tell([ran(1, 2, 3)] * (TRIES + 1))
    with pytest.raises(CacheLostError, match="the engine's cache did not hold in 3 tries"):
        steps_again(build, change, every_step)
    assert CHANGED not in called
