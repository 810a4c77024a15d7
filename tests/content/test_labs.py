"""Each variant of each lab, checked as a learner would: rejected for its reason, or accepted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from found import COURSE

from taskyard.course import Lab
from taskyard.pages.page import Page

CASES = [
    pytest.param(
        lab,
        variant,
        engine,
        id=f"{lab.slug}-{variant}-{engine}",
        # A variant may fix a port of this machine, so the engines take turns with it
        marks=[
            pytest.mark.xdist_group(f"{lab.slug}-{variant}"),
            *([pytest.mark.docker] if engine == "docker" else []),
        ],
    )
    for lab in COURSE.labs
    for variant in lab.variants
    for engine in ("local", "docker")
]
TIMEOUT_S = 300.0


@pytest.mark.parametrize(("lab", "variant", "engine"), CASES)
def test_variant(lab: Lab, variant: str, engine: str, tmp_path: Path) -> None:
    """The solution passes; the others fail first at the requirement that `expect.toml` names."""
    folder = lab.assemble(variant, tmp_path / lab.slug)
    status, output, results = _check(lab, folder, engine, tmp_path)
    if status == 3 and engine == "local":
        assert "both engines" not in _needs(lab), f"the README promises both engines\n{output}"
        pytest.skip(f"lab `{lab.slug}` needs Docker")
    requirements = list(Page.read(lab.readme).items("Done when"))
    assert [one["requirement"] for one in results] == requirements, output
    failed = [one for one in results if one["outcome"] == "failed"]
    if variant == "solution":
        assert not failed, output
        assert [one["outcome"] for one in results] == ["passed"] * len(results), output
        assert status == 0, output
        return
    expected = lab.expectations()[variant]
    assert failed, f"`{variant}` passes the check\n{output}"
    assert failed[0]["requirement"] == expected.requirement, output
    said = " ".join(str(failed[0][part]) for part in ("did", "saw", "expected", "look_at"))
    assert " ".join(expected.message.split()) in " ".join(said.split()), output
    assert all(failed[0][part] for part in ("did", "saw", "expected", "look_at")), output
    assert status == 1, output


def _check(
    lab: Lab, folder: Path, engine: str, tmp_path: Path
) -> tuple[int, str, list[dict[str, Any]]]:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "taskyard", "--engine", engine, "check", lab.slug]
    done = subprocess.run(
        [*command, "--folder", str(folder), "--json", str(report)],
        # The desk of whoever runs the tests is not theirs to write on.
        env={**os.environ, "TASKYARD_WORK": str(tmp_path / "work")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    results = json.loads(report.read_text())["requirements"] if report.exists() else []
    return done.returncode, f"\n\nexit status {done.returncode}\n{done.stdout}", results


def _needs(lab: Lab) -> str:
    return "".join(line for line in Page.read(lab.readme).opening if line.startswith("Needs:"))
