"""The chapter's table of variables is what Compose answers, and what a container has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from taskyard.compose.interpolation import Interpolation
from taskyard.compose.mistake import Mistake
from taskyard.topics.compose_stack.precedence import CASES, IMAGE, NAME, Case, lay_out, value

each_case = pytest.mark.parametrize(
    "case",
    CASES,
    ids=lambda case: f"{case.line or 'no line'}, {'+'.join(case.places) or 'nowhere'}",
)
FORMS = ("${A}", "${A-10}", "${A:-10}", "${A+10}", "${A:+10}")
SHELLS: tuple[Mapping[str, str], ...] = ({}, {"A": ""}, {"A": "5"})


def compose(folder: Path, shell: Mapping[str, str], *arguments: str) -> str:
    """Run `docker compose` in a folder, in a shell that sets nothing else."""
    if shutil.which("docker") is None:
        pytest.skip("there is no `docker` command")
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ
    }
    done = subprocess.run(
        ["docker", "compose", *arguments],
        cwd=folder,
        env={**kept, **shell},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def ran(folder: Path, shell: Mapping[str, str], *arguments: str) -> str:
    """
    Run a container to its end; return its log.

    An attached client may miss the output of a container that ends at once.
    """
    container = compose(folder, shell, *arguments).strip()
    subprocess.run(["docker", "wait", container], capture_output=True, check=True)
    logs = ["docker", "logs", container]
    return subprocess.run(logs, capture_output=True, text=True, check=True).stdout


@pytest.mark.docker
@each_case
def test_compose_config_gives_the_same_value(case: Case, tmp_path: Path) -> None:
    """Shell, `--env-file`, `.env`, `env_file` and `environment`, read by both."""
    seen = value(case, tmp_path)
    expected = None if seen == IMAGE else seen
    answer = json.loads(compose(tmp_path, case.shell, *case.options, "config", "--format=json"))
    assert expected == (answer["services"]["api"].get("environment") or {}).get(NAME)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose project's image is built; it goes afterwards, with what ran of it."""
    folder = tmp_path_factory.mktemp("taskyard-greeting")
    lay_out(CASES[0], folder)
    compose(folder, {}, "build", "--quiet")
    yield folder
    # To Compose, what `run` has started and what has ended is an orphan
    compose(folder, {}, "down", "--rmi", "local", "--volumes", "--remove-orphans")


@pytest.mark.docker
@pytest.mark.xdist_group("precedence")
@each_case
def test_a_container_has_the_same_value(case: Case, image: Path) -> None:
    """What Compose does not mention, the image's own `ENV` sets."""
    expected = value(case, image)
    seen = ran(image, case.shell, *case.options, "run", "--detach", "api", "env")
    assert expected == dict(line.split("=", 1) for line in seen.splitlines()).get(NAME)


@pytest.mark.docker
@pytest.mark.xdist_group("precedence")
def test_the_command_line_wins_over_all(image: Path) -> None:
    """`docker compose run --env` beats `environment`."""
    lay_out(CASES[4], image)
    run = ("run", "--detach", "--env", f"{NAME}=command", "api", "printenv", NAME)
    assert ran(image, {}, *run).strip() == "command"


@pytest.mark.docker
@pytest.mark.parametrize("shell", SHELLS, ids=("unset", "empty", "set"))
def test_compose_fills_in_each_form_as_the_chapter_shows(
    shell: Mapping[str, str], tmp_path: Path
) -> None:
    """Five forms of a variable, unset, empty and set."""
    lines = [f"      V{number}: {form}" for number, form in enumerate(FORMS)]
    text = "\n".join(["services:", "  api:", "    image: i", "    environment:", *lines])
    (tmp_path / "compose.yaml").write_text(text)
    answer = json.loads(compose(tmp_path, shell, "config", "--format=json"))
    seen = answer["services"]["api"]["environment"]
    filled = [Interpolation(shell.get).fill(form) for form in FORMS]
    assert filled == [seen[f"V{number}"] for number in range(len(FORMS))]


def test_a_required_variable_may_not_be_empty() -> None:
    """`:?` refuses the empty text, `?` takes it."""
    empty = Interpolation({"A": ""}.get)
    with pytest.raises(Mistake, match="`A` is empty"):
        empty.fill("${A:?}")
    assert empty.fill("${A?}") == ""
