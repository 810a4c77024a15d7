"""What becomes of volumes on Docker: a run removes those that it made, and no others."""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from taskyard.kit.stack import Stack

pytestmark = pytest.mark.docker

IMAGE = "redis:8-alpine"
"""It declares a volume, so each of its containers gets one without a name."""


def docker(*arguments: str) -> list[str]:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.split()


def volumes() -> list[str]:
    return docker("volume", "ls", "-q")


def mounted(stack: Stack) -> set[str]:
    """Name the volumes that the containers of a stack have."""
    ids = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={stack.name}")
    return set(docker("inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", *ids))


def read_word(volume: str) -> list[str]:
    return docker("run", "--rm", "--volume", f"{volume}:/shelf", IMAGE, "cat", "/shelf/word")


Keep = Callable[..., str]


@pytest.fixture
def keep() -> Iterator[Keep]:
    """Make volumes with a file, as a learner has them from elsewhere."""
    with ExitStack() as after:

        def make(*names: str) -> str:
            (name,) = docker("volume", "create", *names)
            after.callback(docker, "volume", "rm", "--force", name)
            write = ("run", "--rm", "--volume", f"{name}:/shelf", IMAGE)
            docker(*write, "sh", "-c", "echo mine > /shelf/word")
            return name

        yield make


def project(folder: Path, declared: str, mounts: str = "[shelf:/shelf]") -> Path:
    text = f"""
    services:
      cache:
        image: {IMAGE}
        volumes: {mounts}
    volumes:
      {declared}
    """
    (folder / "compose.yaml").write_text(textwrap.dedent(text))
    return folder


def use(folder: Path) -> set[str]:
    """Do everything to a stack that removes containers; return the volumes that these had."""
    with Stack(folder, "docker", label="volumes") as stack:
        seen = mounted(stack)
        stack.scale("cache", 2)
        seen |= mounted(stack)
        stack.scale("cache", 1)
        stack.down(volumes=True)
        stack.up()
        seen |= mounted(stack)
    return seen


def test_a_volume_from_outside_outlives_the_run(tmp_path: Path, keep: Keep) -> None:
    """`external: true` says that somebody else made it: its file is still there after the run."""
    name = keep(f"taskyard-test-{uuid4().hex[:8]}")
    used = use(project(tmp_path, f"shelf: {{external: true, name: {name}}}"))
    assert ["mine"] == read_word(name)
    assert {name} == used.intersection(volumes())


def test_a_volume_from_outside_that_has_no_name_of_its_own_outlives_the_run(
    tmp_path: Path, keep: Keep
) -> None:
    """A long number and Docker's label for nameless volumes do not make it the run's."""
    name = keep()
    assert docker("volume", "ls", "-q", "--filter", "label=com.docker.volume.anonymous").count(name)
    used = use(project(tmp_path, f"shelf: {{external: true, name: {name}}}"))
    assert ["mine"] == read_word(name)
    assert {name} == used.intersection(volumes())


def test_a_volume_that_is_there_already_under_the_name_in_the_file_outlives_the_run(
    tmp_path: Path, keep: Keep
) -> None:
    """`name:` alone takes what is there, and Compose made it no more than the run did."""
    name = keep(f"taskyard-test-{uuid4().hex[:8]}")
    used = use(project(tmp_path, f"shelf: {{name: {name}}}"))
    assert ["mine"] == read_word(name)
    assert {name} == used.intersection(volumes())


def test_volumes_that_the_run_made_go_with_it(tmp_path: Path) -> None:
    """One without a name by the image, one by the file, one with a `name:`."""
    name = f"taskyard-test-{uuid4().hex[:8]}"
    used = use(project(tmp_path, f"shelf: {{name: {name}}}", "[shelf:/shelf, /nameless]"))
    assert len(used) > 4 and name in used
    assert set() == used.intersection(volumes())


def test_a_replica_that_goes_takes_its_nameless_volume_along(tmp_path: Path) -> None:
    """It does not wait for the end of the run: a demo may scale many times."""
    with Stack(project(tmp_path, "shelf:"), "docker", label="volumes") as stack:
        one = mounted(stack)
        stack.scale("cache", 2)
        both = mounted(stack)
        stack.scale("cache", 1)
        assert one < both
        assert one == both.intersection(volumes())


def test_a_volume_that_a_recreated_container_took_over_goes_with_the_run(tmp_path: Path) -> None:
    """Compose hands a nameless volume to the next container, and `docker rm -v` spares it then."""
    (tmp_path / "compose.yaml").write_text(f"services: {{cache: {{image: '{IMAGE}'}}}}")
    with Stack(tmp_path, "docker", label="volumes") as stack:
        place = ("--project-name", stack.name, "--project-directory", str(tmp_path))
        docker("compose", *place, "up", "--detach", "--force-recreate")
        (name,) = mounted(stack)
    assert name not in volumes()
