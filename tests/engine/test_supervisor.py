"""A supervisor ends with its holder, whatever it is doing at that moment."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest

from taskyard.compose.model import Project
from taskyard.deadline import until
from taskyard.engine import Run
from taskyard.engine.holder import Holder
from taskyard.engine.process import REPLICA_MARK
from taskyard.engine.remains import PROJECT_MARK, About
from taskyard.errors import TaskyardError

DEADLINE_S = 15.0
GRACE_S = 600.0


@pytest.fixture
def state() -> Path:
    return Path(tempfile.gettempdir()) / f"taskyard-test-{uuid4().hex[:8]}"


def replica(state: Path, **options: object) -> dict[str, object]:
    """Orders for a process that ignores SIGTERM."""
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    return {
        "name": "one/1",
        "argv": [sys.executable, "-c", script],
        "env": {PROJECT_MARK: state.name, REPLICA_MARK: "one/1"},
        "cwd": "/",
        "log": str(state / "log"),
        "stop_signal": 15,
        "grace_s": GRACE_S,
        "restart": "no",
        "max_retries": None,
        "health": None,
        **options,
    }


def held(state: Path) -> Holder:
    return Holder(Run(Project(None, Path("compose.yaml"), {}), state.name, state), "local")


def gone(state: Path) -> bool:
    return until(lambda: not state.exists(), f"{state} to be gone", DEADLINE_S)


def test_an_order_under_way_does_not_keep_it(state: Path) -> None:
    """The holder goes in the middle of a stop that would take ten minutes."""
    holder = held(state)
    holder.ask("run", **replica(state))

    def stop() -> None:
        with pytest.raises(TaskyardError):
            holder.ask("stop", names=["one/1"])
            raise TaskyardError("the connection was closed")

    order = threading.Thread(target=stop)
    order.start()
    began = time.monotonic()
    holder.close(keep=False)
    assert time.monotonic() - began < GRACE_S
    assert gone(state)
    order.join(DEADLINE_S)


@pytest.mark.parametrize("attempt", range(5))
def test_health_checks_do_not_keep_it(state: Path, attempt: int) -> None:
    """The holder goes while a health check is about to end."""
    health = {
        "argv": ["/bin/sh", "-c", "exit 1"],
        "interval_s": 0.01,
        "timeout_s": 1.0,
        "retries": 10_000,
        "start_period_s": 60.0,
        "start_interval_s": 0.01,
    }
    holder = held(state)
    for number in range(4):
        orders = replica(state, health=health, name=f"one/{number}")
        orders["env"] = {PROJECT_MARK: state.name, REPLICA_MARK: f"one/{number}"}
        holder.ask("run", **orders)
    holder.close(keep=False)
    assert gone(state)


def test_a_holder_that_goes_at_once_leaves_no_folder(state: Path) -> None:
    """Both pipes are closed before the supervisor has said that it is ready."""
    about = About(
        state=str(state),
        project=state.name,
        engine="local",
        folder="/",
        remove=[],
        links=[],
        volumes=[],
    )
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "taskyard.engine.supervisor", json.dumps(about)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert supervisor.stdin is not None and supervisor.stdout is not None
    supervisor.stdin.close()
    supervisor.stdout.close()
    supervisor.wait(DEADLINE_S)
    assert not state.exists()


def test_it_imports_nothing_of_the_reader() -> None:
    """Every stack starts one, and YAML takes longer to import than all of the supervisor."""
    code = "import sys, taskyard.engine.supervisor; print(*sys.modules, sep='\\n')"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = asked.stdout.split()
    assert "taskyard.engine.process" in imported
    unused = ("yaml", "taskyard.compose")
    assert [] == [name for name in imported if name.startswith(unused)]
