"""A slow machine decides as late as it is slow: no deadline of an engine counts idle seconds."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from taskyard import deadline
from taskyard.deadline import MOST
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


def test_a_dependency_that_is_late_leaves_time_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is healthy after the time that an idle machine needs for all of them."""
    (tmp_path / "compose.yaml").write_text(CHAIN)

    def slowness() -> float:
        (tmp_path / "ready").touch()
        return MOST

    with closing(Stack(tmp_path, "local")) as stack:
        monkeypatch.setattr(deadline, "slowness", slowness)
        stack.up(timeout_s=3)
        assert [None, "healthy", "healthy"] == [replica.health for replica in stack.ps()]
