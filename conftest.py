"""What all tests share: skips of what a machine lacks, groups of tests, and the final count."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
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
"""Each process may have a stack of half a dozen containers."""


BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)

BROWSER_START_MS = 180_000.0

BUSY = pytest.StashKey[list["subprocess.Popen[bytes]"]]()
SPIN = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"


@cache
def missing_docker() -> str:
    """Return why there is no Docker to test with; empty if there is."""
    missing = docker_missing()
    return f"no Docker: {missing}" if missing else ""


@cache
def chromium() -> str:
    """Return the path of a browser to test with; empty if this machine has none."""
    return next(filter(None, map(shutil.which, BROWSERS)), "")


def missing_browser() -> str:
    """Return why there is no browser to test with; empty if there is."""
    if find_spec("playwright") is None:
        return "no browser: there is no package `playwright`"
    return "" if chromium() else "no browser: neither Chromium nor Chrome is on PATH"


def missing_faketime() -> str:
    """Return why no process can be started on another date; empty if one can."""
    return "" if shutil.which("faketime") else "no faketime: it is not on PATH"


MISSING = {"docker": missing_docker, "browser": missing_browser, "faketime": missing_faketime}
"""A mark to the function that returns why the thing that it needs is missing."""


def required() -> list[str]:
    """Return the marks in TASKYARD_REQUIRE, separated by commas, that must not be skipped."""
    return [word.strip() for word in os.environ.get("TASKYARD_REQUIRE", "").split(",")]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of `make proof`."""
    group = parser.getgroup("taskyard")
    group.addoption("--proof", action="store_true", help="Try every variant on every engine.")
    group.addoption("--rounds", type=int, default=1, help="Try each variant so many times.")
    busy = "Keep so many processes busy meanwhile; two for each core if no number is given."
    cores = os.cpu_count() or 1
    group.addoption("--busy", type=int, nargs="?", default=0, const=2 * cores, help=busy)


def pytest_configure(config: pytest.Config) -> None:
    """Let what the tests start behave as if started in a shell; start the `--busy` processes."""
    # A shell starts background jobs without Ctrl-C
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A make that a test starts must not take itself for a part of the one that runs the tests
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        os.environ.pop(name, None)
    if not hasattr(config, "workerinput"):  # once, and not in each test process
        config.stash[BUSY] = [
            subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(config.getoption("busy"))
        ]


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the processes that kept cores busy."""
    for process in config.stash.get(BUSY, []):
        process.kill()
        process.wait()


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of test processes: two for each core, because labs mostly wait."""
    return min(2 * (os.cpu_count() or 1), MOST_WORKERS)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs something missing, or fail it if TASKYARD_REQUIRE says so."""
    for mark, missing in MISSING.items():
        if item.get_closest_marker(mark) is None or not missing():
            continue
        if mark in required():
            pytest.fail(f"{missing()}, and TASKYARD_REQUIRE asks for it", pytrace=False)
        pytest.skip(missing())


@pytest.fixture(scope="module")  # a longer scope's event loop would disturb those of other modules
def browser() -> Iterator[Browser]:
    """Start the machine's own browser, for a test that is marked `browser`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox"], timeout=BROWSER_START_MS
        )
        yield started
        started.close()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:  # pytest's first
    """A folder for temporary files that has a short path, so that all of them lie there."""
    folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))
    folder.chmod(0o755)  # a PostgreSQL that root starts is another user's
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the cells of a notebook on one worker, because they share a kernel."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.xdist_group(item.path.name))


def kind(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Name a test's kind, after its folder or the first word of its file, and its engine."""
    path = Path(report.nodeid.split("::")[0])
    within = path.parts[1:] if path.parts[0] == "tests" else path.parts
    name = within[0] if len(within) > 1 else path.stem.removeprefix("test_").split("_")[0]
    marks = getattr(report, "keywords", {})
    return name + " on Docker" * ("docker" in marks) + " in a browser" * ("browser" in marks)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many tests of each kind ran, and why others did not."""
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
