"""The state of a container that has not run yet."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

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
