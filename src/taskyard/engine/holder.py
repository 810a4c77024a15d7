"""Hold a run: start its supervisor, give it orders, and make it end when this process does."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import psutil

from taskyard.deadline import BusyError, DeadlineError, in_time, until
from taskyard.engine.protocol import Run
from taskyard.engine.remains import PROJECT_MARK, About, clean_up, volume_names
from taskyard.engine.supervisor import ABOUT, CONTROL
from taskyard.errors import TaskyardError

SUPERVISOR = ["-m", "taskyard.engine.supervisor"]
ORDER_S = 30.0
CLOSE_S = 90.0


class Holder:
    """The holder's end of the lifeline pipe: the run lasts as long as this process."""

    def __init__(self, run: Run, engine: str, links: Sequence[Path] = ()) -> None:
        """
        Args:
            links: Symbolic links that point into the state folder, and are removed with it.
        """
        self._state = run.state
        self._about = About(
            state=str(run.state),
            project=run.name,
            engine=engine,
            folder=str(run.project.folder),
            remove=[str(path) for path in run.remove],
            links=[str(path) for path in links],
            volumes=volume_names(run.project, run.name),
        )
        self._supervisor = subprocess.Popen(
            [sys.executable, *SUPERVISOR, json.dumps(self._about)],
            env={**os.environ, PROJECT_MARK: run.name},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the holder alone
        )
        assert self._supervisor.stdout is not None
        with self._supervisor.stdout as output:
            if output.readline() != b"ready\n":
                raise TaskyardError("the supervisor of this run did not start")

    def ask(self, do: str, *, lasts_s: float = 0.0, **order: Any) -> Any:
        """
        Give the supervisor one order and wait for its answer.

        Args:
            do: The order: `kill` calls `Supervisor.do_kill`.
            lasts_s: The seconds that the order itself may take; they extend the deadline.

        Raises:
            TaskyardError: The supervisor has ended, does not answer in time, or reports an error.
            BusyError: It does not answer, and the machine is too busy for that to mean anything.
        """
        return _ask(self._state, do, ORDER_S + lasts_s, **order)

    def close(self, keep: bool) -> None:
        """End the run, or release it so that it goes on; return when that is done."""
        if keep:
            self.ask("release")
            return
        assert self._supervisor.stdin is not None
        self._supervisor.stdin.close()
        try:
            until(lambda: self._supervisor.poll() is not None, "the supervisor to end", CLOSE_S)
        except DeadlineError:
            self._supervisor.kill()
            self._supervisor.wait()
        if self._supervisor.returncode:  # it was killed before it could clean up
            clean_up(self._about)


def _ask(state: Path, do: str, timeout_s: float, **order: Any) -> Any:
    def missed() -> TaskyardError:
        what = f"the supervisor of this run did not answer `{do}` in {timeout_s:g} s"
        return TaskyardError(what)

    try:
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(timeout_s)
            control.connect(str(state / CONTROL))
            control.sendall(json.dumps({"do": do, **order}).encode() + b"\n")
            in_time(
                lambda wait_s: select.select([control], [], [], wait_s)[0],
                f"the supervisor of this run to answer `{do}`",
                timeout_s,
                missed=missed,
            )
            line = control.makefile("rb").readline()
    except BusyError:
        raise
    except OSError as error:
        raise TaskyardError(f"the supervisor of this run is gone: {error}") from error
    answer = json.loads(line) if line else {}
    if isinstance(answer, dict) and "error" in answer:
        raise TaskyardError(answer["error"])
    return answer


def kept_runs(temporary: Path, prefix: str) -> list[About]:
    """
    Find the kept runs whose project's name begins with `prefix`, the newest last.

    Each has a note in its state folder. Temporary files may have been deleted, so a supervisor is
    found by its command line as well.
    """
    supervised = (about for about in _supervised() if about["project"].startswith(prefix))
    held = {about["project"]: about for about in supervised}
    notes = sorted(temporary.glob(f"{prefix}*/{ABOUT}"), key=lambda note: note.stat().st_mtime)
    noted: list[About] = [json.loads(note.read_text()) for note in notes]
    return [*(about for about in noted if about["project"] not in held), *held.values()]


def _supervised() -> list[About]:
    """Return what each supervisor on this machine was started with, the oldest first."""
    found: list[tuple[float, About]] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            _, *command = process.cmdline() or [""]
            if command[:-1] == SUPERVISOR:
                found.append((process.create_time(), json.loads(command[-1])))
    return [about for _, about in sorted(found, key=itemgetter(0))]


def ask_run(about: About, do: str) -> Any:
    """
    Give an order to a run that another process started, and return the answer.

    Raises:
        TaskyardError: Its supervisor is gone, does not answer in time, or reports an error.
    """
    try:
        return _ask(Path(about["state"]), do, ORDER_S)
    except BusyError as error:
        raise TaskyardError(str(error)) from error


def end_run(about: About) -> None:
    """End a run that another process started, even if its supervisor is gone."""
    state = Path(about["state"])
    with contextlib.suppress(TaskyardError, DeadlineError):
        _ask(state, "close", ORDER_S)
        until(lambda: not state.exists(), "the supervisor to end", CLOSE_S)
    clean_up(about)
