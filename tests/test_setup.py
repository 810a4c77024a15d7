"""The setup script says what is wrong and what to do, and leaves alone what is not its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from taskyard.files import ROOT

SCRIPT = Path("requirements") / "install"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder"
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    return folder


def install(clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / SCRIPT, *arguments],
        env={**os.environ, "PYTHON": sys.executable, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_python_that_is_new_enough_the_cure_is_named(clone: Path) -> None:
    done = install(clone, "lab", PYTHON="false")
    assert done.returncode == 1
    assert "error: no Python 3.11 or later (tried: false)" in done.stderr
    assert "python3-venv" in done.stderr
    assert not (clone / ".venv").exists()


def test_a_folder_that_is_no_environment_is_left_alone(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / "mine.txt").write_text("mine")
    done = install(clone, "lab")
    assert done.returncode == 1
    assert "is not a virtual environment" in done.stderr
    assert (clone / ".venv" / "mine.txt").read_text() == "mine"


def test_what_the_installer_said_is_shown_when_it_failed(clone: Path) -> None:
    (clone / "requirements" / "lab.txt").write_text("taskyard-has-no-such-package==1\n")
    tools = str(Path(sys.executable).parent)
    done = install(clone, "lab", UV_OFFLINE="1", PATH=f"{tools}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 1
    assert "--hash" in done.stderr or "require-hashes" in done.stderr
    assert "error: the packages of requirements/lab.txt could not be installed" in done.stderr
    assert not (clone / ".venv" / ".lab").exists()


def test_an_unknown_set_is_refused(clone: Path) -> None:
    done = install(clone, "everything")
    assert done.returncode == 2
    assert "lab, notebook, test" in done.stderr


def test_the_package_is_found_wherever_the_clone_is_moved() -> None:
    """The path is relative to the environment, and no script of it names its Python absolutely."""
    site = Path(pytest.__file__).parents[1]
    link = site / "taskyard.pth"
    if not link.exists():
        pytest.skip("the tests run outside of .venv")
    assert (site / link.read_text().strip()).resolve() == ROOT / "src"
    assert "relocatable = true" in (Path(sys.prefix) / "pyvenv.cfg").read_text()
