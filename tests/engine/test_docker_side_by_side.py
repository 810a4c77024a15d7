"""Two runs of one Compose file on one Docker engine: neither is in the other's way."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from taskyard.engine.remains import PROJECT_LABEL
from taskyard.errors import TaskyardError
from taskyard.kit.stack import Stack

pytestmark = pytest.mark.docker

COMPOSE = """
services:
  api:
    build: .
    image: {name}
    container_name: {name}
    command: sleep 600
    init: true
    networks: [front, back]
  worker:
    image: {name}
    container_name: {name}-worker
    command: sleep 600
    init: true
    networks: {{back: {{aliases: [hands]}}}}
  alone:
    image: redis:8-alpine
    container_name: {name}-alone
networks: {{front: , back: }}
"""


@pytest.fixture
def name() -> str:
    """What the file calls a container and an image."""
    return f"taskyard-test-{uuid4().hex[:8]}"


@pytest.fixture
def two(tmp_path: Path, name: str) -> Iterator[list[Stack]]:
    """Two runs of one file, started at the same time."""
    (tmp_path / "compose.yaml").write_text(COMPOSE.format(name=name))
    (tmp_path / "Dockerfile").write_text("FROM redis:8-alpine\nENV SHOP=open\n")
    with closing(Stack(tmp_path, "docker")) as one, closing(Stack(tmp_path, "docker")) as other:
        with ThreadPoolExecutor() as both:
            for started in [both.submit(one.up), both.submit(other.up)]:
                started.result()
        yield [one, other]


def left_of(stack: Stack) -> str:
    """Return the ids of what carries the label of a run."""
    ours = ("-q", "--filter", f"label={PROJECT_LABEL}={stack.name}")
    listings = (["ps", "-a"], ["image", "ls"], ["network", "ls"], ["volume", "ls"])
    done = [
        subprocess.run(["docker", *one, *ours], capture_output=True, text=True) for one in listings
    ]
    return "".join(one.stdout for one in done)


def test_both_run_and_the_end_of_one_is_none_of_the_other(two: list[Stack]) -> None:
    """A file may fix the name of a container and of an image: each run has its own."""
    one, other = two
    for stack in two:
        assert ["running"] * 3 == [replica.state for replica in stack.ps()]
    one.close()
    assert "" == left_of(one)
    other.down()
    other.up()
    assert "open" == other.exec("worker", ["printenv", "SHOP"]).stdout.strip()
    other.close()
    assert "" == left_of(other)


def test_a_container_answers_to_the_name_in_the_file(two: list[Stack], name: str) -> None:
    """On each of its networks, beside its own aliases; in each run it is another container."""
    seen = set()
    for stack in two:
        for service, asked in (
            ("api", f"{name}-worker"),
            ("api", "hands"),
            ("worker", name),
            ("alone", f"{name}-alone"),
        ):
            found = stack.exec(service, ["getent", "hosts", asked])
            assert 0 == found.exit_code, f"`{service}` does not find `{asked}`"
            seen.add((asked, found.stdout.split()[0]))
    assert 8 == len(seen)


def test_a_fixed_name_is_still_for_one_container(two: list[Stack]) -> None:
    """What the learner's file says is read and refused as it stands."""
    with pytest.raises(TaskyardError, match="its `container_name` is for one container"):
        two[0].scale("api", 2)
