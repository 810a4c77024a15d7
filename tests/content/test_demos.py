"""Each lab's demo, run on a new desk as a learner runs it: to its end, and it leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from found import COURSE
from processes import carrying, left_under, session

from taskyard.course import Lab
from taskyard.deadline import until
from taskyard.files import ROOT
from taskyard.learner.runner import NEEDS_DOCKER_STATUS, UNDECIDED_STATUS

SHOWN = "compose-stack"
"""The lab whose demo `make test` runs: it has the most stacks, and on Docker it builds as well."""

DEMO_S = 600.0
DECIDED_WITHIN = 3
"""A demo that a busy machine keeps from its end is run again, as it tells the learner."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every demo on every engine, and without `--proof` that of one lab."""
    proof = metafunc.config.getoption("proof")
    skipped = pytest.mark.skip(reason="`make proof` runs the demos of all labs")
    cases = [
        pytest.param(
            lab,
            engine,
            id=f"{lab.slug}-{engine}",
            marks=[
                # A starter may fix a port of this machine, so its check and the engines take turns
                pytest.mark.xdist_group(f"{lab.slug}-starter"),
                *([pytest.mark.docker] if engine == "docker" else []),
                *([] if proof or lab.slug == SHOWN else [skipped]),
            ],
        )
        for lab in COURSE.labs
        for engine in ("local", "docker")
    ]
    metafunc.parametrize(("lab", "engine"), cases)


def test_a_demo_runs_to_its_end_and_leaves_nothing(
    lab: Lab, engine: str, temporary: Path, tmp_path: Path
) -> None:
    """No process, no temporary file, nothing on Docker, and no change of the course."""
    before = changes()
    for number in range(DECIDED_WITHIN):
        log = tmp_path / f"{number}.txt"
        demo, stacks = run(lab, engine, temporary, tmp_path / "work", log)
        files = map(str, temporary.iterdir())
        assert [] == [*files, *session(demo.pid), *left_of(stacks, engine)], log.read_text()
        assert before == changes(), "the demo has changed the course, or somebody meanwhile"
        if demo.returncode != UNDECIDED_STATUS:
            break
    if demo.returncode == NEEDS_DOCKER_STATUS and engine == "local":
        pytest.skip(f"lab `{lab.slug}` needs Docker")
    assert 0 == demo.returncode, log.read_text()
    assert stacks, "what is left was looked for under no name"


def run(
    lab: Lab, engine: str, temporary: Path, work: Path, log: Path
) -> tuple[subprocess.Popen[bytes], set[str]]:
    """Run a demo on a desk to its end; return it, and the names of all stacks that it started."""
    with log.open("wb") as output:
        demo = subprocess.Popen(
            [sys.executable, "-m", "taskyard", "--engine", engine, "lab", str(lab.number)],
            cwd=ROOT,
            env={**os.environ, "TASKYARD_WORK": str(work)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    stacks: set[str] = set()

    def has_ended() -> bool:
        # Each has a folder of its name for as long as it runs
        stacks.update(path.name for path in temporary.glob("taskyard-*"))
        return demo.poll() is not None

    try:
        until(has_ended, f"the demo of lab `{lab.slug}` to end", DEMO_S, log.read_text)
    finally:
        demo.kill()
        demo.wait()
    return demo, stacks


def left_of(stacks: set[str], engine: str) -> list[str]:
    """List what is left of stacks under their names, and on Docker under their labels."""
    found = left_under(*stacks)
    if engine == "docker":
        for stack in stacks:
            found += [
                f"{count} {kind} of {stack}" for kind, count in carrying(stack).items() if count
            ]
    return found


def changes() -> list[str]:
    """List the files that differ from git's, as git does."""
    command = ["git", "--no-optional-locks", "-c", "safe.directory=*", "status", "--porcelain"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return listed.stdout.splitlines()
