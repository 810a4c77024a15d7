"""A lab or a check leaves nothing, whichever of its processes is killed, how and when."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random

import psutil
import pytest
from processes import left_of, session

from taskyard.deadline import until
from taskyard.files import ROOT

LABS = ("first-task", "compose-stack", "broker-and-backend", "time-limits")
CHECKS = (("image-layers", "docker"), ("compose-stack", "local"), ("compose-stack", "docker"))
"""They copy the learner's files."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
VICTIMS = ("make", "python", "group")
WORKBENCH = "from taskyard.notebook.workbench import open_files, open_lab; "
LATEST_S = 12.0
GONE_S = 180.0
"""A signal that `make` keeps to itself lets the lab run to its end."""


def kills() -> Iterator[tuple[str, str, signal.Signals, str]]:
    """Every lab, engine, signal and victim, each lab once more, and each check twice: 110."""
    for lab in LABS:
        for engine in ("local", "docker"):
            for number in SIGNALS:
                for victim in VICTIMS:
                    yield f"lab-{lab}", engine, number, victim
            yield f"lab-{lab}", engine, signal.SIGKILL, "make and python"
    for lab, engine in CHECKS:
        for victim in ("python", "make and python"):
            yield f"check-{lab}", engine, signal.SIGKILL, victim


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`make proof` tries all of them; otherwise every third of the first lab's is tried."""
    if "victim" not in metafunc.fixturenames:
        return
    proof = metafunc.config.getoption("proof")
    cases = []
    for place, (target, engine, number, victim) in enumerate(kills()):
        marks = [pytest.mark.xdist_group(f"killed-{target}-{engine}")]
        marks += [pytest.mark.docker] if engine == "docker" else []
        if not proof and (target != f"lab-{LABS[0]}" or place % 3):
            marks += [pytest.mark.skip(reason="`make proof` kills more labs, more often")]
        name = f"{target}-{engine}-{number.name}-{victim}".replace(" ", "-")
        cases.append(pytest.param(target, engine, number, victim, id=name, marks=marks))
    metafunc.parametrize(("target", "engine", "number", "victim"), cases)


def test_a_killed_lab_leaves_nothing(
    target: str,
    engine: str,
    number: signal.Signals,
    victim: str,
    temporary: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """No folder, no process, no container, no network, no volume."""
    monkeypatch.setenv("TASKYARD_WORK", str(tmp_path / "work"))
    make = subprocess.Popen(
        ["make", target, f"ENGINE={engine}"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # Another moment for each case, and the same one each time
    moment_s = Random(request.node.name).uniform(0.1, LATEST_S)
    time.sleep(moment_s)  # the moment is the point, so this one sleep is wanted
    if victim == "group":
        with suppress(ProcessLookupError):  # it was done sooner
            os.killpg(make.pid, number)
    else:
        for process in _victims(make, victim):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
    make.wait(timeout=GONE_S)

    def left() -> list[str]:
        files = map(str, temporary.iterdir())
        return [*session(make.pid), *left_of(target.partition("-")[2]), *files]

    what = f"nothing to be left of `make {target}`, which was killed after {moment_s:.1f} s"
    until(lambda: not left(), what, GONE_S, left)


KILL_AT_A_COPY = """
import os, signal, sys, tempfile
below = tempfile.gettempdir() + os.sep
def hook(event, arguments):
    if event == "shutil.copyfile" and str(arguments[1]).startswith(below):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
"""
"""For `sitecustomize`: Python announces the first copy, and is killed before it makes it."""


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["-m", "taskyard", "--engine", "local", "lab", "2"], id="what-if"),
        pytest.param(["-m", "taskyard", "--engine", "local", "check", "3"], id="slow-start"),
        pytest.param(
            ["-m", "taskyard", "--engine", "docker", "check", "2"],
            id="developer-s-folder",
            marks=pytest.mark.docker,
        ),
        pytest.param(["-c", f"{WORKBENCH}open_lab('first-task')"], id="open-lab"),
        pytest.param(["-c", f"{WORKBENCH}open_files('image-layers')"], id="open-files"),
    ],
)
def test_whoever_is_killed_while_copying_leaves_no_copy(
    arguments: list[str], temporary: Path, tmp_path: Path
) -> None:
    """The folder belongs to a process that outlives the one that copies."""
    (tmp_path / "sitecustomize.py").write_text(KILL_AT_A_COPY)
    work, path = str(tmp_path / "work"), os.pathsep.join([str(tmp_path), str(ROOT / "src")])
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "TASKYARD_WORK": work, "PYTHONPATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=GONE_S,
    )
    assert -signal.SIGKILL == done.returncode, done.stdout + done.stderr
    left = partial(os.listdir, temporary)
    until(lambda: not left(), "nothing to be left of the copy", GONE_S, left)


def _victims(make: subprocess.Popen[bytes], named: str) -> list[psutil.Process]:
    """Return `make` or the Python that it has started, or both."""
    found = []
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(make.pid)
        found = process.children() if "python" in named else []
        found += [process] if "make" in named else []
    return found
