"""The check of lab 02 tells which steps install again, whatever else the engine's cache holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from found import COURSE

from taskyard.kit.contract import load
from taskyard.kit.requirement import Unmet
from taskyard.topics.image_layers.builder import Build, BuiltStep

check = load(COURSE.lab("image-layers").check)

INSTALL = BuiltStep("build", 4, "RUN pip install -r requirements.txt", False)


class Engine:
    """An engine whose cache reuses a step if options, arguments and code were the same before."""

    def __init__(self, step: BuiltStep) -> None:
        self.step = step
        self.seen: list[tuple[object, ...]] = []
        self.options: list[tuple[str, ...]] = []

    def build(self, folder: Path, arguments: Mapping[str, str], options: Sequence[str]) -> Build:
        self.options.append(tuple(options))
        key = (*options, *arguments.items(), (folder / "shop.py").read_text())
        steps = () if key in self.seen else (self.step,)
        self.seen.append(key)
        return Build("shop:1", steps, 1.0)


@pytest.fixture
def requires(tmp_path: Path) -> Any:
    """Return what requires that a change of the code installs nothing again, on an engine."""
    (tmp_path / "shop.py").write_text("Welcome to the shop")

    def requires(engine: Engine) -> None:
        yard = check.Yard(engine, tmp_path, "no secret")
        check.require_reuse(yard, yard.change_code, "built", "the cache", "Dockerfile")

    return requires


def test_a_verdict_rests_on_builds_that_share_no_result_with_others(requires: Any) -> None:
    """Each build of one check has the same extra host, and the next check another one."""
    engine, hosts = Engine(INSTALL), []
    for _ in range(2):
        engine.options.clear()
        with pytest.raises(Unmet, match="installed again"):
            requires(engine)
        assert [(), ()] == engine.options[:2]
        (options,) = set(engine.options[2:])
        (host,) = options
        assert host.startswith("--add-host=check-")
        hosts.append(host)
    assert hosts[0] != hosts[1]


@pytest.mark.parametrize(
    "step",
    [
        INSTALL,
        BuiltStep(
            "", 3, "RUN <<EOF (set -e...)", False, said="Successfully installed markupsafe-3"
        ),
        BuiltStep("", 3, "RUN sh setup.sh", False, said="Resolved 1\nInstalled 1 package in 2ms"),
        BuiltStep("", 3, "RUN make tools", False, said="Setting up gcc (4:14.2.0-1) ..."),
    ],
    ids=lambda step: step.text,
)
def test_a_step_that_installs_is_known_by_its_text_or_by_what_it_prints(
    requires: Any, step: BuiltStep
) -> None:
    """A script and a block of lines name no installer where BuildKit names the step."""
    with pytest.raises(Unmet, match="installed again"):
        requires(Engine(step))


@pytest.mark.parametrize(
    "step",
    [
        BuiltStep("", 5, "RUN cp -r /venv .venv", False),
        BuiltStep("", 5, "RUN gcc -shared -o libean.so ean.c", False, said="warning: installed"),
        BuiltStep("", 5, "COPY pip install.txt ./", False),
    ],
    ids=lambda step: step.text,
)
def test_a_step_that_installs_nothing_may_run_again(requires: Any, step: BuiltStep) -> None:
    """One that copies what another has installed gives the copies a new time, and no more."""
    requires(Engine(step))
