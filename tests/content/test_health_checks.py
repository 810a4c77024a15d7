"""A stack of the course is not given up while it starts, and is seen at once when it has."""

from __future__ import annotations

import pytest
import yaml
from found import COURSE, name

NEEDED = {"start_period", "start_interval"}
CHECKS = [
    pytest.param(service["healthcheck"], id=f"{name(path)}-{called}")
    for path in sorted([COURSE.root / "docker-compose.yml", *COURSE.root.glob("labs/**/*.yaml")])
    for called, service in yaml.safe_load(path.read_text(encoding="utf-8"))["services"].items()
    if "healthcheck" in service
]


@pytest.mark.parametrize("check", CHECKS)
def test_a_health_check_has_time_for_the_start(check: dict[str, object]) -> None:
    """Without `start_interval` Docker asks every five seconds while a service starts."""
    assert not NEEDED - check.keys()
