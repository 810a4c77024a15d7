"""What becomes of volumes on Docker that no name and no label connects with their project."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from taskyard.kit.stack import Stack

pytestmark = pytest.mark.docker


def docker(*arguments: str) -> list[str]:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_volume_that_a_recreated_container_took_over_goes_with_the_run(tmp_path: Path) -> None:
    """Compose hands a nameless volume to the next container, and `docker rm -v` spares it then."""
    (tmp_path / "compose.yaml").write_text("services: {cache: {image: 'redis:8-alpine'}}")
    with Stack(tmp_path, "docker", label="volumes") as stack:
        place = ("--project-name", stack.name, "--project-directory", str(tmp_path))
        docker("compose", *place, "up", "--detach", "--force-recreate")
        ids = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={stack.name}")
        (name,) = docker("inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", *ids)
    assert name not in docker("volume", "ls", "-q")
