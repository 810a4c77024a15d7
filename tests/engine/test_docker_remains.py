"""What is removed of a run on Docker, and what stays because another run uses it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from processes import carrying, docker

from taskyard.engine.remains import PROJECT_LABEL, remove_docker_project

pytestmark = pytest.mark.docker

SHIM = """#!/bin/sh
echo "$*" >> "{log}"
exec "{docker}" "$@"
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[str]:
    """A run that has made two of each; a container of another run uses one of each."""
    name = f"taskyard-test-{uuid4().hex[:8]}"
    for use, by in (("own", name), ("lent", f"{name}-other")):
        label = f"--label={PROJECT_LABEL}={name}"
        docker("network", "create", label, f"{name}-{use}")
        docker("volume", "create", label, f"{name}-{use}")
        (tmp_path / "Dockerfile").write_text(f"FROM redis:8-alpine\nENV USE={use}\n")
        docker("build", "--quiet", label, f"--tag={name}-{use}", str(tmp_path))
        borrowed = [f"--network={name}-{use}", f"--volume={name}-{use}:/shelf"]
        labelled = f"--label={PROJECT_LABEL}={by}"  # else it would have the one of its image
        docker("run", "--detach", "--init", labelled, *borrowed, f"{name}-{use}", "sleep", "600")
    yield name
    for one in (f"{name}-other", name):
        remove_docker_project(one)
    assert {"containers": 0, "networks": 0, "volumes": 0, "images": 0} == carrying(name)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with each `docker` command that is typed from now on, one a line."""
    folder, log = tmp_path / "bin", tmp_path / "asked"
    folder.mkdir()
    shim = folder / "docker"
    shim.write_text(SHIM.format(log=log, docker=shutil.which("docker")))
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return log


def test_what_another_run_uses_stays_and_is_not_asked_for_again_and_again(
    run: str, asked: Path
) -> None:
    """A round that removes something, and two that find nothing more to remove."""
    remove_docker_project(run)
    commands = [line.split()[:2] for line in asked.read_text().splitlines()]
    assert {"containers": 0, "networks": 1, "volumes": 1, "images": 1} == carrying(run)
    assert 3 == commands.count(["image", "ls"])
