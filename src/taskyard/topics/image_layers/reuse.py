"""Find the steps that a change makes BuildKit run again, apart from those that its cache lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from taskyard.errors import TaskyardError
from taskyard.topics.image_layers.builder import Build, BuiltStep

TRIES = 3


class CacheLostError(TaskyardError):
    """Steps ran again although nothing had changed, so the cache allows no verdict."""

    def __init__(self) -> None:
        super().__init__(
            f"the engine's cache did not hold in {TRIES} tries: steps ran again although nothing "
            "had changed, or ran again after one change and not after the next",
            hint="look at the build cache in `docker system df`, and try again when the machine "
            "is less busy",
        )


def steps_again(
    build: Callable[[], Build],
    change: Callable[[], None],
    wanted: Callable[[Build], Sequence[BuiltStep]],
) -> tuple[BuiltStep, ...]:
    """
    Return those wanted steps that run again after two changes in a row.

    On a busy machine BuildKit may lose a step between two builds. So the unchanged files are built
    before each change, as a control, and a single change proves nothing.

    Args:
        build: Builds the files as they are now.
        change: Changes the files, each time in another way.
        wanted: Selects the steps that count, from the build after a change.

    Raises:
        CacheLostError: The engine's cache did not last from one build to the next.
    """
    last: set[tuple[str, int]] = set()
    build()
    for _ in range(TRIES):
        if build().ran:
            continue
        change()
        again = tuple(wanted(build()))
        if not again:
            return ()
        agreed = tuple(step for step in again if (step.stage, step.number) in last)
        if agreed:
            return agreed
        last = {(step.stage, step.number) for step in again}
    raise CacheLostError
