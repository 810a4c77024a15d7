"""The state of a container that has not run yet."""

from __future__ import annotations

import os
import shlex
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from taskyard import deadline
from taskyard.deadline import MOST
from taskyard.engine import ServiceError
from taskyard.kit.stack import Stack

pytestmark = pytest.mark.docker

COMPOSE = """
services:
  shop:
    image: redis:8-alpine
    depends_on: {sick: {condition: service_healthy}}
  sick:
    image: redis:8-alpine
    healthcheck: {test: exit 1, interval: 1s, retries: 2}
"""


def test_a_container_that_waits_for_another_is_created_and_not_exited(tmp_path: Path) -> None:
    """It has not run, so it has not ended and cannot be ended."""
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    with closing(Stack(tmp_path, "docker")) as stack:
        with pytest.raises(ServiceError, match="`sick` is unhealthy"):
            stack.up()
        states = {replica.name: (replica.state, replica.exit_code) for replica in stack.ps()}
        assert states == {"shop-1": ("created", None), "sick-1": ("running", None)}
        with pytest.raises(ServiceError, match="`shop-1` is not running"):
            stack.kill("shop")


STUCK = """#!/bin/sh
case " $* " in *" up "*) {first}; exec sleep 600;; esac
exec {docker} "$@"
"""


def stuck_docker(folder: Path, monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    """Put a `docker` on PATH that does something in place of `up`, and then never ends."""
    docker = shlex.quote(str(shutil.which("docker")))
    (folder / "docker").write_text(STUCK.format(docker=docker, first=first.format(docker=docker)))
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def test_a_client_that_does_not_end_has_done_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is what runs, and whether it is healthy."""
    (tmp_path / "compose.yaml").write_text("services: {shop: {image: 'redis:8-alpine'}}\n")
    with closing(Stack(tmp_path, "docker")) as stack:
        stuck_docker(tmp_path, monkeypatch, '{docker} "$@"')

        def states() -> list[str]:
            return [replica.state for replica in stack.ps()]

        # Slow until it runs
        monkeypatch.setattr(deadline, "slowness", lambda: 1.0 if states() == ["running"] else MOST)
        stack.up(timeout_s=3)
        assert ["running"] == states()


def test_a_client_that_has_done_half_of_its_work_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is wrong with the replica that is there; the other one is missing."""
    (tmp_path / "compose.yaml").write_text("services: {shop: {image: 'redis:8-alpine'}}\n")
    with closing(Stack(tmp_path, "docker")) as stack:
        stack.up()
        stuck_docker(tmp_path, monkeypatch, ":")
        monkeypatch.setattr(deadline, "slowness", lambda: 1.0)
        with pytest.raises(ServiceError, match="did not end within 1 s"):
            stack.scale("shop", 2, timeout_s=1)
