"""What make does with its arguments."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from taskyard.files import ROOT


def make(*words: str, work: Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run make with a desk of the test's own and without Docker."""
    env = {**os.environ, "TASKYARD_WORK": str(work), "DOCKER_HOST": "unix:///nonexistent"}
    command = ["make", *words]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "words",
    [
        ("lab-1;touch {}",),
        ("hint-'$(touch {})'",),
        ("down-`touch {}`",),
        ("new", "name='; touch {}; '"),
        ("new", "name=$(shell touch {})"),
        ("lab-x", "ENGINE=local; touch {}"),
        ("logs-x", "SERVICE=$(shell touch {})"),
    ],
)
def test_what_a_name_holds_is_not_run(tmp_path: Path, words: tuple[str, ...]) -> None:
    """It is looked up as a name, which is an error of the course's own."""
    ran = f".ran-{os.getpid()}"  # below the working directory: make splits a target at a slash
    try:
        told = make(*(word.format(ran) for word in words), work=tmp_path)
        assert not (ROOT / ran).exists()
    finally:
        (ROOT / ran).unlink(missing_ok=True)
    assert told.returncode == 2
    assert "rror: " in told.stderr


def test_a_target_without_a_number_is_not_made_by_a_rule_of_make_s_own(tmp_path: Path) -> None:
    """There is a rule for `lab-.o`, and make knows how to link that to `lab-`."""
    told = make("lab-", work=tmp_path)
    assert told.returncode == 2
    assert ".o" not in told.stderr
    assert "No rule to make target 'lab-'" in told.stderr.replace("`", "'")


def test_the_readme_says_what_to_do_in_a_subfolder(tmp_path: Path) -> None:
    """Make finds no file of ours there, so nothing else can say it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "`make -C that/folder lab-1`" in readme
    below = ROOT / "labs" / "01-first-task"
    assert make("lab-1", work=tmp_path, cwd=below).returncode == 2
    told = make("-C", "../..", "lab-1", "--dry-run", work=tmp_path, cwd=below)
    assert told.returncode == 0, told.stderr
    assert " lab '1'\n" in told.stdout


def test_the_course_in_containers_without_docker_says_what_to_do(tmp_path: Path) -> None:
    """There is another way to open the chapters."""
    told = make("up", work=tmp_path)
    assert told.returncode == 2
    assert "hint: without Docker, make start opens the same chapters" in told.stderr


def test_options_for_jupyterlab_reach_it(tmp_path: Path) -> None:
    """One that starts no server: its version."""
    told = make("start", "ARGS=--version", work=tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    assert re.search(r"^4\.\d+\.\d+$", told.stdout, re.MULTILINE)


TARGET = re.compile(r"^([a-z][\w-]*%?)(?: [\w%-]+)*:(?!=)(.*)$", re.MULTILINE)
TARGETS = TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
DOCUMENTS = "".join(
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")
)


@pytest.mark.parametrize(("target", "rest"), TARGETS, ids=[target for target, _ in TARGETS])
def test_a_target_has_help_and_stands_in_the_documents(target: str, rest: str) -> None:
    """A target that no document names might as well not exist."""
    assert " ## " in rest
    stem, is_whole = target.rstrip("%"), not target.endswith("%")
    end = r"(?![\w-])" if is_whole else ""
    assert re.search(rf"\bmake\b[^`\n]*(?<![\w-]){re.escape(stem)}{end}", DOCUMENTS)
