"""A slow machine decides as late as it is slow: no deadline of an engine counts idle seconds."""

from __future__ import annotations

import os
import re
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from taskyard import deadline
from taskyard.deadline import MOST, BusyError
from taskyard.engine import ServiceError, docker_missing, holder, remains
from taskyard.engine.client import docker
from taskyard.engine.embedded import entrypoint
from taskyard.kit.stack import Stack

CHAIN = """
x-service: &service
  image: python:3.13-slim
  command: sleep 600
  stop_grace_period: 0s
services:
  third:
    <<: *service
    depends_on: {second: {condition: service_healthy}}
  second:
    <<: *service
    depends_on: {first: {condition: service_healthy}}
    healthcheck: {test: "true", interval: 1s, retries: 1000}
  first:
    <<: *service
    healthcheck: {test: "test -e ready", interval: 1s, retries: 1000}
"""

ONE = """
  one:
    <<: *service
"""


def slow(monkeypatch: pytest.MonkeyPatch, times: float, gate: Path | None = None) -> None:
    """Make this machine slow; if somebody measures it, open a gate for what waits there."""

    def slowness() -> float:
        if gate:
            gate.touch()
        return times

    monkeypatch.setattr(deadline, "slowness", slowness)


def test_a_dependency_that_is_late_leaves_time_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is healthy after the time that an idle machine needs for all of them."""
    (tmp_path / "compose.yaml").write_text(CHAIN)

    with closing(Stack(tmp_path, "local")) as stack:
        slow(monkeypatch, MOST, tmp_path / "ready")
        stack.up(timeout_s=3)
        assert [None, "healthy", "healthy"] == [replica.health for replica in stack.ps()]


def late_docker(folder: Path, monkeypatch: pytest.MonkeyPatch, says: str = "wc -l <calls") -> Path:
    """Put a `docker` on PATH that waits at a gate, and says then how often it was called."""
    gate = folder / "gate"
    (folder / "docker").write_text(
        f"#!/bin/sh\ncd {folder}\necho >>calls\nuntil [ -e gate ]; do sleep 0.05; done\n{says}\n"
    )
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return gate


def test_a_client_that_is_late_is_not_called_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on where it is, because a command may have done half of its work."""
    slow(monkeypatch, MOST, late_docker(tmp_path, monkeypatch))
    assert "1" == docker("a-project", "ps", timeout_s=2).stdout.strip()


@pytest.mark.parametrize(
    ("times", "error", "said"),
    [
        (3, ServiceError, "`docker ps` did not end within 0.1 s"),
        (100, BusyError, "this machine is too busy to decide: waited 0.8 s for `docker ps` to end"),
    ],
)
def test_a_client_that_does_not_end_is_killed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    times: float,
    error: type[Exception],
    said: str,
) -> None:
    """It fails only if the machine was fast enough for that to mean something."""
    late_docker(tmp_path, monkeypatch)
    slow(monkeypatch, times)
    with pytest.raises(error, match=re.escape(said)):
        docker("a-project", "ps", timeout_s=0.1)
    children = psutil.Process().children()
    assert not [one for one in children if str(tmp_path / "docker") in one.cmdline()]


def test_a_docker_that_is_late_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice of an engine waits as long as the machine is slow."""
    monkeypatch.setattr("taskyard.engine.ASK_S", 2)
    slow(monkeypatch, MOST, late_docker(tmp_path, monkeypatch))
    assert "" == docker_missing()


def test_a_command_beside_a_replica_has_the_time_of_a_slow_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The local engine's `exec` counts as Docker's does."""
    (tmp_path / "compose.yaml").write_text(CHAIN[: CHAIN.index("  third:")] + ONE)
    with Stack(tmp_path, "local") as stack:
        slow(monkeypatch, MOST, tmp_path / "gate")
        wait = "until [ -e gate ]; do sleep 0.05; done; echo late"
        assert "late\n" == stack.exec("one", ["sh", "-c", wait], timeout_s=2).stdout
        slow(monkeypatch, 3)
        with pytest.raises(ServiceError, match=r"`sleep 600` in `one-1` did not end within 0\.1 s"):
            stack.exec("one", ["sleep", "600"], timeout_s=0.1)


def test_a_supervisor_that_is_late_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands still until somebody measures the machine, and then answers."""
    (tmp_path / "compose.yaml").write_text(CHAIN[: CHAIN.index("  third:")] + ONE)
    with Stack(tmp_path, "local") as stack:
        supervisor = supervisor_of(stack)

        def slowness() -> float:
            supervisor.resume()
            return MOST

        monkeypatch.setattr(holder, "ORDER_S", 2)
        monkeypatch.setattr(deadline, "slowness", slowness)
        supervisor.suspend()
        assert ["one-1"] == [replica.name for replica in stack.ps()]
        monkeypatch.setattr(holder, "ORDER_S", 0.1)
        slow(monkeypatch, 100)
        supervisor.suspend()
        try:
            with pytest.raises(BusyError, match=r"to answer `ps`"):
                stack.ps()
        finally:
            supervisor.resume()
            monkeypatch.undo()


def test_a_supervisor_that_is_late_to_end_may_clean_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it is killed, its holder has to clean up."""
    (tmp_path / "compose.yaml").write_text(CHAIN[: CHAIN.index("  third:")] + ONE)
    with Stack(tmp_path, "local") as stack:
        supervisor = supervisor_of(stack)

        def slowness() -> float:
            supervisor.resume()
            return MOST

        monkeypatch.setattr(holder, "CLOSE_S", 2)
        monkeypatch.setattr(holder, "clean_up", lambda about: pytest.fail("it was killed"))
        monkeypatch.setattr(deadline, "slowness", slowness)
        supervisor.suspend()


def test_a_docker_that_is_late_removes_what_a_run_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No command is given up, and two rounds find nothing."""
    gate = late_docker(tmp_path, monkeypatch, says="")
    monkeypatch.setattr(remains, "DOCKER_S", 2)
    slow(monkeypatch, MOST, gate)
    remains.remove_docker_project("a-project")
    assert "" == capsys.readouterr().err
    assert 10 == len((tmp_path / "calls").read_text())


def supervisor_of(stack: Stack) -> psutil.Process:
    """Return the process that keeps a stack's replicas."""
    [found] = [one for one in psutil.Process().children() if stack.name in str(one.cmdline())]
    return found


def test_the_server_that_fills_a_data_folder_has_the_time_of_the_slowest_machine() -> None:
    """The entry point knows no slowness: its deadline is the last that a minute may become."""
    assert entrypoint.READY_S >= MOST * 60
