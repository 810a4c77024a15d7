"""Run a lab's requirements on the learner's files and say what was seen."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from taskyard.engine import Choice
from taskyard.errors import TaskyardError
from taskyard.kit.contract import Contract
from taskyard.kit.requirement import Unmet
from taskyard.kit.stack import Stack

Outcome = Literal["passed", "failed", "not run"]


@dataclass(frozen=True)
class Verdict:
    """One requirement and how it came out; the last four are empty unless it failed."""

    requirement: str
    outcome: Outcome
    did: str = ""
    saw: str = ""
    expected: str = ""
    look_at: str = ""

    def as_json(self) -> Mapping[str, str]:
        return asdict(self)


class Check:
    """
    A pytest plugin: the fixtures that a `check.py` asks for, and the verdicts of its tests.

    What a module of requirements may say beside its tests is in `Contract`. The tests share one
    stack of the learner's files and run in order; the first that fails ends the run, because
    the later ones build on it.
    """

    def __init__(
        self, folder: Path, choice: Choice, label: str, tell: Callable[[Verdict], None]
    ) -> None:
        self._folder, self._choice, self._label, self._tell = folder, choice, label, tell
        self.verdicts: list[Verdict] = []
        self.broken = ""
        self.interrupt: BaseException | None = None

    @pytest.fixture(scope="module")
    def stack(self, request: pytest.FixtureRequest) -> Iterator[Stack]:
        """The learner's stack, up and healthy."""
        publish = Contract.of(request.module).publish
        stack = Stack(self._folder, self._choice, publish=publish, label=self._label)
        with stack:
            yield stack

    @pytest.fixture(scope="module")
    def folder(self) -> Path:
        """The learner's files; a check reads them and changes nothing."""
        return self._folder

    @pytest.fixture(scope="module")
    def choice(self) -> Choice:
        """The engine that was chosen, for a check that starts a stack of its own."""
        return self._choice

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Iterator[None]:
        report = yield
        requirement = requirement_of(getattr(item, "obj", None))
        if call.excinfo is not None and call.when != "teardown":
            verdict = _failed(requirement, call.excinfo.value, call.when == "setup", self._folder)
            self.verdicts.append(verdict)
            self._tell(verdict)
        elif call.when == "call":
            verdict = Verdict(requirement, "passed")
            self.verdicts.append(verdict)
            self._tell(verdict)
        return report

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        modules = {item.getparent(pytest.Module) for item in session.items}
        try:
            for module in modules:
                Contract.of(getattr(module, "obj", None))
        except TaskyardError as error:
            self.broken = str(error)
            raise session.Failed from error  # before a requirement is tried
        self._all = [requirement_of(getattr(item, "obj", None)) for item in session.items]

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        # pytest says so too when it could not import the check
        if not isinstance(excinfo.value, pytest.Session.Interrupted):
            self.interrupt = excinfo.value

    def pytest_sessionfinish(self) -> None:
        if self.interrupt:
            return
        for requirement in getattr(self, "_all", [])[len(self.verdicts) :]:
            verdict = Verdict(requirement, "not run")
            self.verdicts.append(verdict)
            self._tell(verdict)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken = str(report.longrepr)


def requirement_of(test: object) -> str:
    """Return the first line of a test's docstring: the requirement as the README lists it."""
    return (inspect.getdoc(test) or "").partition("\n")[0]


def _failed(requirement: str, error: BaseException, at_start: bool, folder: Path) -> Verdict:
    if isinstance(error, Unmet):
        return Verdict(requirement, "failed", error.did, error.saw, error.expected, error.look_at)
    if isinstance(error, TaskyardError):
        did = "started your stack" if at_start else "used your running stack"
        expected = "every service starts, stays up and becomes healthy"
        return Verdict(requirement, "failed", did, str(error), expected, f"{folder}/compose.yaml")
    if not isinstance(error, Exception):
        raise error
    saw = str(error) if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
    did, expected = "asked what the requirement asks", "an answer"
    return Verdict(requirement, "failed", did, saw, expected, str(folder))


def run(
    path: Path, folder: Path, choice: Choice, label: str, tell: Callable[[Verdict], None]
) -> list[Verdict]:
    """
    Run the requirements of a `check.py` against the files in a folder.

    Args:
        path: The `check.py`.
        label: The start of the Compose project's name.
        tell: Called with each verdict as it comes.

    Raises:
        TaskyardError: The check itself is broken.
    """
    plugin = Check(folder, choice, label, tell)
    arguments = [str(path), "--exitfirst", "-c", os.devnull, "--rootdir", str(path.parent)]
    # else pytest collects from the root of the disk down, with each conftest.py on the way
    arguments += ["--confcutdir", str(path.parent)]
    arguments += ["-p", "no:cacheprovider", "--import-mode", "importlib", "--capture", "no"]
    with contextlib.redirect_stdout(io.StringIO()) as report, _plain_pytest():
        status = pytest.main(arguments, plugins=[plugin])
    if plugin.interrupt:
        raise plugin.interrupt
    if plugin.broken or status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        said = plugin.broken or report.getvalue()
        raise TaskyardError(
            f"the check of this lab is broken, not your files:\n{said}",
            path=path,
            hint="report it with the lines above",
        )
    return plugin.verdicts


@contextlib.contextmanager
def _plain_pytest() -> Iterator[None]:
    """Keep plugins and options of the learner's other projects out of the check."""
    before = dict(os.environ)
    os.environ.pop("PYTEST_ADDOPTS", None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
