"""Run the command line in a process that has imported everything already: forked, not started."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from taskyard.learner.runner import UNDECIDED_STATUS

DECIDED_WITHIN = 3
"""A check that a busy machine keeps from a verdict is asked again, as it tells the learner."""

Done = TypeVar("Done")

IMPORTED = (
    "taskyard.cli",
    "taskyard.learner.check",
    "taskyard.learner.runner",
    "taskyard.engine.docker",
    "taskyard.engine.local",
    "taskyard.kit.recorder",
    "celery.app.control",
    "celery.backends.redis",
    "kombu.transport.redis",
)
"""What most checks import; a third of a second each time. None of it starts a thread."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([*IMPORTED])


def decided(once: Callable[[], Done], status_of: Callable[[Done], int]) -> Done:
    """Call what runs a check until that has a verdict, and return what the last call returned."""
    for _ in range(DECIDED_WITHIN):
        done = once()
        if status_of(done) != UNDECIDED_STATUS:
            break
    return done


def taskyard(
    *arguments: str, env: Mapping[str, str], log: Path, timeout_s: float
) -> tuple[int, str]:
    """
    Run `python -m taskyard` until it decides, and return its exit status and what it wrote.

    Args:
        env: Its whole environment.
        log: Where it writes, both to stdout and to stderr.

    Raises:
        TimeoutError: It has not ended; it is killed.
    """
    return decided(lambda: _once(arguments, env, log, timeout_s), lambda done: done[0])


def _once(
    arguments: tuple[str, ...], env: Mapping[str, str], log: Path, timeout_s: float
) -> tuple[int, str]:
    process = _FORKS.Process(target=_run, args=(arguments, dict(env), log))
    process.start()
    process.join(timeout_s)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"not done in {timeout_s:g} s:\n{log.read_text()}")
    return process.exitcode, log.read_text(encoding="utf-8")


def _run(arguments: tuple[str, ...], env: dict[str, str], log: Path) -> None:
    """Become that process, with its descriptors, environment and arguments."""
    os.setsid()  # as a shell's job, so that a signal to the tests is not one to it
    with log.open("wb") as file, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (it lives as long)
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(env)
    from taskyard.cli import main

    main([*arguments])
