"""What the Docker engine builds before it starts a project."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path

import pytest

from taskyard.errors import TaskyardError
from taskyard.kit.stack import Stack

pytestmark = pytest.mark.docker

COMPOSE = """
services:
  api:
    build: .
    image: {image}
    command: sleep 600
    init: true
"""


def test_an_own_image_is_built_again_when_its_dockerfile_changed(tmp_path: Path) -> None:
    """A second run of an edited lab has the edited image, under the same name."""
    image = f"taskyard-test-{secrets.token_hex(3)}"
    (tmp_path / "compose.yaml").write_text(COMPOSE.format(image=image))
    seen = []
    for colour in ("red", "blue"):
        (tmp_path / "Dockerfile").write_text(f"FROM redis:8-alpine\nENV COLOUR={colour}\n")
        with Stack(tmp_path, "docker", label="build") as stack:
            seen.append(stack.exec("api", ["printenv", "COLOUR"]).stdout.strip())
    assert seen == ["red", "blue"]
    left = subprocess.run(["docker", "image", "inspect", image], capture_output=True)
    assert left.returncode, "the image stayed behind"


def test_a_build_that_fails_names_the_service_and_its_line(tmp_path: Path) -> None:
    """BuildKit's last line is shown."""
    (tmp_path / "compose.yaml").write_text(COMPOSE.format(image="taskyard-test-never"))
    (tmp_path / "Dockerfile").write_text("FROM redis:8-alpine\nCOPY no-such-file /\n")
    with pytest.raises(TaskyardError, match="no-such-file") as raised, Stack(tmp_path, "docker"):
        pass
    (fault,) = raised.value.faults
    assert "building `api` failed" in fault.what
    assert fault.line == 4
