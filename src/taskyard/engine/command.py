"""Run a program to its end, with a deadline that a slow machine moves."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from taskyard.deadline import in_time
from taskyard.engine.protocol import ServiceError


def run(
    command: Sequence[str],
    timeout_s: float,
    *,
    shown: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stderr: int = subprocess.PIPE,
    start_new_session: bool = False,
) -> subprocess.CompletedProcess[str]:
    """
    Run a program without input, and return what it wrote.

    Args:
        timeout_s: The deadline on an idle machine.
        shown: What an error calls it; empty for the command itself.

    Raises:
        ServiceError: It did not end in time; it is killed.
        BusyError: The same, on a machine that is too busy for that to mean anything.
        FileNotFoundError: There is no such program.
    """
    shown = shown or f"`{shlex.join(command)}`"
    with subprocess.Popen(
        command,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        errors="replace",
        start_new_session=start_new_session,
    ) as process:

        def written(wait_s: float) -> tuple[str, str] | None:
            try:
                return process.communicate(timeout=wait_s)
            except subprocess.TimeoutExpired:
                return None

        def missed() -> ServiceError:
            return ServiceError(f"{shown} did not end within {timeout_s:g} s")

        try:
            stdout, errors = in_time(written, f"{shown} to end", timeout_s, missed=missed)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, stdout, errors)
