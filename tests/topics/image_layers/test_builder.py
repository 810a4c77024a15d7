"""Building with Docker: what is read from BuildKit's log, and that nothing stays behind."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path

import pytest

from taskyard.kit.stack import Stack
from taskyard.topics.image_layers.builder import Builder, BuildError, BuiltStep, read_log

LOG = """
#4 [build 1/3] FROM python:3.13-slim
#4 CACHED

#5 [internal] load build context
#5 DONE 0.0s

#6 [build 2/3] COPY pins.txt .
#6 CACHED

#7 [build 3/3] RUN pip install -r pins.txt
#7 0.412 Collecting celery
#8 [stage-1 2/2] RUN useradd shop
#8 DONE 0.4s

#7 [build 3/3] RUN pip install -r pins.txt
#7 1.733 DONE with it
#7 DONE 12.5s
"""
SAID = "Collecting celery\nDONE with it"

COMPOSE = """
services:
  shop:
    build: .
    init: true
    command: sleep 60
"""


def test_the_log_tells_the_steps() -> None:
    """Interleaved lines are joined, output included; FROM and internal steps are left out."""
    assert [
        BuiltStep("build", 2, "COPY pins.txt .", True, 0.0),
        BuiltStep("build", 3, "RUN pip install -r pins.txt", False, 12.5, SAID),
        BuiltStep("stage-1", 2, "RUN useradd shop", False, 0.4),
    ] == list(read_log(LOG))


def images(project: str) -> list[str]:
    label = f"label=com.docker.compose.project={project}"
    command = ["docker", "image", "ls", "--quiet", "--filter", label]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.docker
def test_a_builder_leaves_nothing(tmp_path: Path) -> None:
    """Images and containers go, even those of two builds with the same content."""
    (tmp_path / "Dockerfile").write_text("FROM python:3.13-slim\nLABEL a=1\n")
    with Builder(f"taskyard-builder-{secrets.token_hex(3)}") as builder:
        first, second = builder.build(tmp_path), builder.build(tmp_path)
        builder.start(first.image, "--init", "--tty")
        assert first.image != second.image
        assert images(builder.project)
    assert [] == images(builder.project)


@pytest.mark.docker
def test_a_step_says_what_it_printed_when_it_ran(tmp_path: Path) -> None:
    """BuildKit names the first line of a block alone, and prints the output of all of them."""
    (tmp_path / "Dockerfile").write_text(
        "FROM python:3.13-slim\nARG ONE\nRUN <<END\necho $ONE\necho two\nEND\n"
    )
    one = secrets.token_hex(8)
    with Builder(f"taskyard-builder-{secrets.token_hex(3)}") as builder:
        (ran,) = builder.build(tmp_path, arguments={"ONE": one}).steps
        (reused,) = builder.build(tmp_path, arguments={"ONE": one}).steps
    assert (f"{one}\ntwo", "") == (ran.said, reused.said)
    assert "two" not in ran.text


@pytest.mark.docker
def test_a_build_that_fails_says_why(tmp_path: Path) -> None:
    """The last line is BuildKit's own."""
    (tmp_path / "Dockerfile").write_text("FROM python:3.13-slim\nCOPY pins.txt .\n")
    with (
        Builder(f"taskyard-builder-{secrets.token_hex(3)}") as builder,
        pytest.raises(BuildError, match="not found"),
    ):
        builder.build(tmp_path)


@pytest.mark.docker
def test_an_image_that_a_stack_built_goes_with_it(tmp_path: Path) -> None:
    """`build` in a Compose file leaves no image behind."""
    (tmp_path / "Dockerfile").write_text("FROM python:3.13-slim\nLABEL b=1\n")
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    with Stack(tmp_path, "docker") as stack:
        assert images(stack.name)
    assert [] == images(stack.name)
