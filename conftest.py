"""What every test shares: what needs Docker or a browser, what stays together, the count."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from taskyard.engine import docker_missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest_plugins = ["proved"]

MOST_WORKERS = 8
"""Each may have a stack of half a dozen containers up."""


BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)

BUSY = pytest.StashKey[list["subprocess.Popen[bytes]"]]()
SPIN = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"


@cache
def missing_docker() -> str:
    """Say why there is no Docker to test with; nothing when there is."""
    missing = docker_missing()
    return f"no Docker: {missing}" if missing else ""


@cache
def chromium() -> str:
    """Return where this machine has a browser to test with; nothing when it has none."""
    return next(filter(None, map(shutil.which, BROWSERS)), "")


def missing_browser() -> str:
    """Say why there is no browser to test with; nothing when there is."""
    if find_spec("playwright") is None:
        return "no browser: there is no package `playwright`"
    return "" if chromium() else "no browser: neither Chromium nor Chrome is on PATH"


MISSING = {"docker": missing_docker, "browser": missing_browser}
"""What a mark asks for, to the function that says why it is not there."""


def required() -> list[str]:
    """What must not be skipped here, from TASKYARD_REQUIRE (words with commas between)."""
    return [word.strip() for word in os.environ.get("TASKYARD_REQUIRE", "").split(",")]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `make proof` is asked for."""
    group = parser.getgroup("taskyard")
    group.addoption("--proof", action="store_true", help="Try every variant on every engine.")
    group.addoption("--rounds", type=int, default=1, help="Try each variant so many times.")
    group.addoption("--busy", type=int, default=0, help="Keep so many processes busy meanwhile.")


def pytest_configure(config: pytest.Config) -> None:
    """Let what the tests start be as if somebody had started it in a shell."""
    # Run in the background, a shell has taken Ctrl-C away
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A make that a test starts is somebody's own, and no part of the one that runs the tests
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        os.environ.pop(name, None)
    if not hasattr(config, "workerinput"):  # once, and not in each test process
        config.stash[BUSY] = [
            subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(config.getoption("busy"))
        ]


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what kept the cores busy."""
    for process in config.stash.get(BUSY, []):
        process.kill()
        process.wait()


def pytest_xdist_auto_num_workers() -> int:
    """Return how many test processes: two a core, because a lab waits longer than it computes."""
    return min(2 * (os.cpu_count() or 1), MOST_WORKERS)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs what is not here; fail it where TASKYARD_REQUIRE asks for that."""
    for mark, missing in MISSING.items():
        if item.get_closest_marker(mark) is None or not missing():
            continue
        if mark in required():
            pytest.fail(f"{missing()}, and TASKYARD_REQUIRE asks for it", pytrace=False)
        pytest.skip(missing())


@pytest.fixture(scope="module")  # no longer: its event loop is in the way of other modules' own
def browser() -> Iterator[Browser]:
    """Start the machine's own browser; a test that asks for it is marked `browser`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the cells of a notebook on one worker: they share a kernel."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.xdist_group(item.path.name))


def kind(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Name the kind of a test: the first word of its file, or its folder; and what it is run in."""
    path = Path(report.nodeid.split("::")[0])
    within = path.parts[1:] if path.parts[0] == "tests" else path.parts
    name = within[0] if len(within) > 1 else path.stem.removeprefix("test_").split("_")[0]
    marks = getattr(report, "keywords", {})
    return name + " on Docker" * ("docker" in marks) + " in a browser" * ("browser" in marks)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count what ran, by kind, and give each reason why something did not run."""
    outcomes = ("passed", "failed", "error", "skipped", "xfailed")
    counts = {outcome: Counter[str]() for outcome in outcomes}
    reasons: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        for report in terminalreporter.stats.get(outcome, []):
            counts[outcome][kind(report)] += 1
            if outcome == "skipped" and isinstance(report.longrepr, tuple):
                reasons[kind(report), report.longrepr[2].removeprefix("Skipped: ")] += 1
    kinds = sorted(set().union(*counts.values()))
    if not kinds:
        return
    terminalreporter.section("what ran")
    width = max(map(len, kinds))
    for name in kinds:
        told = [f"{counts[o][name]} {o}" for o in outcomes if counts[o][name]]
        terminalreporter.write_line(f"{name:<{width}}  {', '.join(told)}")
    for (name, reason), count in sorted(reasons.items()):
        terminalreporter.write_line(f"skipped: {count} of {name}, because: {reason}")
