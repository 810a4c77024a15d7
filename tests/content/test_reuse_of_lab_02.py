"""The check of lab 02 tells which steps install again, whatever else the engine's cache holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from found import COURSE

from taskyard.kit.contract import load
from taskyard.kit.requirement import Unmet
from taskyard.topics.image_layers.builder import Build, BuildError, BuiltStep

LAB = COURSE.lab("image-layers").folder
yards, reuse = load(LAB / "yard.py"), load(LAB / "reuse.py")

INSTALL = BuiltStep("build", 4, "RUN pip install -r requirements.txt", False)


class Engine:
    """An engine whose cache reuses a step if options, arguments and code were the same before."""

    def __init__(self, step: BuiltStep) -> None:
        self.step = step
        self.seen: list[tuple[object, ...]] = []
        self.options: list[tuple[str, ...]] = []

    def build(self, folder: Path, arguments: Mapping[str, str], options: Sequence[str]) -> Build:
        options = [one for one in options if one not in yards.OFFLINE]
        self.options.append(tuple(options))
        key = (*options, *arguments.items(), (folder / "shop.py").read_text())
        steps = () if key in self.seen else (self.step,)
        self.seen.append(key)
        return Build("shop:1", steps, 1.0)

    def output(self, image: str, *command: str, options: Sequence[str]) -> str:
        """Say that each image has the same files."""
        return '{"compiled": []}'


@pytest.fixture
def requires(tmp_path: Path) -> Any:
    """Return what requires that a change of the code installs nothing again, on an engine."""
    (tmp_path / "shop.py").write_text("Welcome to the shop")

    def requires(engine: Engine) -> None:
        yard = yards.Yard(engine, tmp_path)
        reuse.require_reuse(yard, yard.change_code, "built", "the cache", "Dockerfile")

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


def test_a_step_that_fails_without_a_network_installs(requires: Any) -> None:
    """A script may be quiet, and its name says nothing."""

    class Quiet(Engine):
        def build(
            self, folder: Path, arguments: Mapping[str, str], options: Sequence[str]
        ) -> Build:
            if set(yards.OFFLINE) <= set(options):
                log = "#5 [2/3] RUN sh setup.sh\n#5 0.1 no\n#5 ERROR: process did not complete\n"
                raise BuildError("exit code: 1", log, folder)
            return super().build(folder, arguments, options)

    with pytest.raises(Unmet, match=r"installed again: `RUN sh setup\.sh`"):
        requires(Quiet(BuiltStep("", 2, "RUN sh setup.sh", False)))


def test_a_step_that_compiles_the_requirements_again_installs(requires: Any) -> None:
    """What pip installs anew is compiled anew; a copy keeps what was compiled."""

    class Compiles(Engine):
        def output(self, image: str, *command: str, options: Sequence[str]) -> str:
            return json.dumps({"compiled": [image]})

        def build(
            self, folder: Path, arguments: Mapping[str, str], options: Sequence[str]
        ) -> Build:
            built = super().build(folder, arguments, options)
            return replace(built, image=f"shop:{len(self.seen)}")

    with pytest.raises(Unmet, match=r"installed again: `RUN sh local\.sh`"):
        requires(Compiles(BuiltStep("", 2, "RUN sh local.sh", False)))
