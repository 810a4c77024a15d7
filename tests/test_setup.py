"""The setup script says what is wrong and what to do, and leaves alone what is not its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from pythons import other_pythons

from taskyard.deadline import until
from taskyard.files import ROOT

SCRIPT = Path("requirements") / "install"
TOOLS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
"""A PATH on which `uv` is, wherever `make` has put it."""
SETUP_S = 120.0


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
        timeout=SETUP_S,
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
    done = install(clone, "lab", UV_OFFLINE="1", PATH=TOOLS)
    assert done.returncode == 1
    assert "--hash" in done.stderr or "require-hashes" in done.stderr
    assert "error: the packages of requirements/lab.txt could not be installed" in done.stderr
    assert not (clone / ".venv" / ".lab").exists()


@pytest.fixture
def small(clone: Path) -> Path:
    """A clone whose lab set is one empty package, which lies beside it."""
    shutil.copy(ROOT / "Makefile", clone)
    wheel = clone / "empty-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(
            "empty-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: empty\nVersion: 1\n"
        )
        archive.writestr(
            "empty-1.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("empty-1.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (clone / "requirements" / "lab.txt").write_text(f"empty==1 --hash=sha256:{digest}\n")
    return clone


def make(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Ask for the lab set by its stamp, as `make lab-1` does."""
    unnamed = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    return subprocess.run(
        ["make", "-C", clone, ".venv/.lab", *arguments],
        env={**unnamed, "PATH": TOOLS, "UV_OFFLINE": "1", "UV_FIND_LINKS": str(clone)},
        capture_output=True,
        text=True,
        timeout=SETUP_S,
        check=False,
    )


def test_postgres_is_set_up_beside_the_other_sets(small: Path) -> None:
    """Its stamp says when, and that of no other set is made."""
    shutil.copy(small / "requirements" / "lab.txt", small / "requirements" / "postgres.txt")
    done = install(small, "postgres", PATH=TOOLS, UV_OFFLINE="1", UV_FIND_LINKS=str(small))
    assert done.returncode == 0, done.stderr
    assert "setting up: 1 packages for PostgreSQL without Docker (once)" in done.stderr
    stamps = {name: (small / ".venv" / f".{name}").exists() for name in ("lab", "postgres", "test")}
    assert stamps == {"lab": False, "postgres": True, "test": False}
    assert list((small / ".venv").glob("lib/*/site-packages/empty-1.dist-info"))
    again = install(small, "postgres", PATH=TOOLS, UV_OFFLINE="1")
    assert (0, "") == (again.returncode, again.stderr)


def python_of(clone: Path) -> Path:
    return (clone / ".venv" / "bin" / "python").resolve()


def test_a_python_that_is_gone_is_replaced(small: Path) -> None:
    """As after an update of the system, or of a version manager."""
    assert make(small, f"PYTHON={sys.executable}").returncode == 0
    link = small / ".venv" / "bin" / "python"
    link.unlink()
    link.symlink_to("/nonexistent/bin/python3.11")
    done = make(small)
    assert done.returncode == 0, done.stderr
    assert "making .venv again: its Python is gone" in done.stderr
    assert subprocess.run([link, "-c", "import sys"], check=False).returncode == 0
    assert (small / ".venv" / ".lab").exists()


def test_a_python_that_is_asked_for_is_never_passed_over(small: Path) -> None:
    """It holds even if everything is installed already."""
    assert make(small, f"PYTHON={sys.executable}").returncode == 0
    done = make(small, "PYTHON=false")
    assert done.returncode != 0
    assert "error: no Python 3.11 or later (tried: false)" in done.stderr
    again = make(small, f"PYTHON={sys.executable}")
    assert (0, "") == (again.returncode, again.stderr)


def test_another_python_is_taken_when_it_is_asked_for(small: Path) -> None:
    others = [python for _, python in other_pythons()]
    if not others:
        pytest.skip("there is no other Python from 3.11 to 3.13 here")
    assert make(small, f"PYTHON={sys.executable}").returncode == 0
    done = make(small, f"PYTHON={others[0]}")
    assert done.returncode == 0, done.stderr
    real = "import os, sys; print(os.path.realpath(sys.executable))"
    asked = subprocess.run([others[0], "-c", real], capture_output=True, text=True, check=True)
    assert Path(asked.stdout.strip()) == python_of(small)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_set_up_that_is_ended_leaves_no_file_behind(
    clone: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """While an installer runs, its words have no name in the temporary folder."""
    tools, temporary = tmp_path / "tools", tmp_path / "temporary"
    for folder in (tools, temporary):
        folder.mkdir()
    uv = tools / "uv"
    uv.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit\ntouch {tools}/runs\nexec sleep 600\n')
    uv.chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    setup = subprocess.Popen(
        [clone / SCRIPT, "lab"],
        env={**os.environ, "PYTHON": sys.executable, "PATH": path, "TMPDIR": str(temporary)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until((tools / "runs").exists, "the installer to run", SETUP_S)
        os.killpg(setup.pid, number)
        setup.wait(SETUP_S)
    finally:
        if setup.poll() is None:
            os.killpg(setup.pid, signal.SIGKILL)
    assert [] == list(temporary.iterdir())


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
