"""Each variant of each lab, checked as a learner would: rejected for its reason, or accepted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from found import COURSE
from proved import DRAW, PASSED_OVER, Case, inputs_of, left_out, passed_over, proved
from started import taskyard

from taskyard.course import Lab
from taskyard.learner.runner import NEEDS_DOCKER_STATUS
from taskyard.pages.page import Page

ENGINES = ("local", "docker")
TIMEOUT_S = 300.0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """
    Try every variant on every engine, as often as `--rounds` says.

    Without `--proof`, what proves little beside the rest is skipped, and counted as such.
    """
    proof, rounds = metafunc.config.getoption("proof"), metafunc.config.getoption("rounds")
    over = passed_over(COURSE.labs)
    cases = [
        pytest.param(
            lab,
            variant,
            engine,
            id=f"{lab.slug}-{variant}-{engine}" + (f"-round-{number}" if rounds > 1 else ""),
            marks=[
                # A variant may fix a port of this machine, so the engines take turns with it
                pytest.mark.xdist_group(f"{lab.slug}-{variant}"),
                *([pytest.mark.docker] if engine == "docker" else []),
                *([] if proof else skipped(lab, variant, engine, over)),
            ],
        )
        for number in range(1, rounds + 1)
        for lab in COURSE.labs
        for variant in lab.variants
        for engine in ENGINES
    ]
    metafunc.parametrize(("lab", "variant", "engine"), cases)


def skipped(lab: Lab, variant: str, engine: str, over: set[Case]) -> list[pytest.MarkDecorator]:
    """Return the mark of what only `make proof` tries, or has tried already."""
    has_proof = PASSED_OVER + os.environ[DRAW] if (lab.slug, variant, engine) in over else ""
    reason = left_out(lab, variant, engine) or has_proof
    return [pytest.mark.skip(reason=reason)] if reason else []


def test_variant(
    lab: Lab, variant: str, engine: str, tmp_path: Path, record_property: Callable[..., None]
) -> None:
    """A right answer passes; others fail first at the requirement that `expect.toml` names."""
    case = (lab.slug, variant, engine)
    record_property("case", case)
    record_property("inputs", inputs_of(lab))
    record_property("proved", case in proved([lab]))
    expected = lab.expectations().get(variant)
    if expected and expected.engine == "docker" != engine:
        pytest.skip("only Docker can reject it")
    status, output, results = _check(lab, variant, engine, tmp_path)
    if status == NEEDS_DOCKER_STATUS and engine == "local":
        assert "both engines" not in _needs(lab), f"the README promises both engines\n{output}"
        pytest.skip(f"lab `{lab.slug}` needs Docker")
    requirements = list(Page.read(lab.readme).items("Done when"))
    assert [one["requirement"] for one in results] == requirements, output
    failed = [one for one in results if one["outcome"] == "failed"]
    if variant == "solution" or variant in lab.right:
        assert not failed, output
        assert [one["outcome"] for one in results] == ["passed"] * len(results), output
        assert status == 0, output
        return
    assert expected
    assert failed, f"`{variant}` passes the check\n{output}"
    assert failed[0]["requirement"] == expected.requirement, output
    said = " ".join(str(failed[0][part]) for part in ("did", "saw", "expected", "look_at"))
    assert " ".join(expected.message.split()) in " ".join(said.split()), output
    assert all(failed[0][part] for part in ("did", "saw", "expected", "look_at")), output
    assert status == 1, output


def _check(
    lab: Lab, variant: str, engine: str, place: Path
) -> tuple[int, str, list[dict[str, Any]]]:
    folder = lab.assemble(variant, place / lab.slug)
    report = place / "report.json"
    status, output = taskyard(
        *("--engine", engine, "check", lab.slug, "--folder", str(folder), "--json", str(report)),
        # The desk of whoever runs the tests is not theirs to write on.
        env={**os.environ, "TASKYARD_WORK": str(place / "work")},
        log=place / "output.txt",
        timeout_s=TIMEOUT_S,
    )
    results = json.loads(report.read_text())["requirements"] if report.exists() else []
    return status, f"\n\nexit status {status}\n{output}", results


def _needs(lab: Lab) -> str:
    return "".join(line for line in Page.read(lab.readme).opening if line.startswith("Needs:"))
