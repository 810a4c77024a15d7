"""Run a lab's requirements on the learner's files, and report a verdict on each."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import pytest

from taskyard.deadline import MOST, BusyError, DeadlineError, slowness
from taskyard.engine import Choice
from taskyard.engine.embedded import is_embedded
from taskyard.errors import TaskyardError
from taskyard.kit.blame import meaning_of, missing_from, place_in, slip_in
from taskyard.kit.contract import Contract
from taskyard.kit.fixed import require_fixed
from taskyard.kit.requirement import Unmet
from taskyard.kit.stack import Stack

Outcome = Literal["passed", "failed", "not decided", "not run"]

BUSY = "what else this machine does now; check again when it does less"


@dataclass(frozen=True)
class Verdict:
    """
    One requirement and its outcome.

    Attributes:
        requirement: As the README's "Done when" lists it.
        outcome: `not decided` means that this machine was too busy to tell.
        did, saw, expected, look_at: As in `Unmet`; empty if it passed or was not run.
    """

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
    A pytest plugin that gives a `check.py` its fixtures, and turns its tests into verdicts.

    The tests share one stack of the learner's files and run in order. The first one that fails ends
    the run, because the later ones build on it.

    Attributes:
        verdicts: Those reached so far.
        broken: Why the check itself cannot be run; empty if it can.
        interrupt: What interrupted the run, such as Ctrl-C.
    """

    def __init__(
        self,
        folder: Path,
        choice: Choice,
        label: str,
        tell: Callable[[Verdict], None],
        trying: Callable[[str], AbstractContextManager[object]],
        handed: Mapping[str, str],
    ) -> None:
        self._folder, self._choice, self._label = folder, choice, label
        self._tell, self._trying, self._handed = tell, trying, handed
        self._stack: Stack | None = None
        self.verdicts: list[Verdict] = []
        self.broken = ""
        self.interrupt: BaseException | None = None

    @pytest.fixture(scope="module")
    def stack(self, request: pytest.FixtureRequest, folder: Path) -> Iterator[Stack]:
        """The learner's stack, up and healthy."""
        publish = Contract.of(request.module).publish
        with Stack(folder, self._choice, publish=publish, label=self._label) as stack:
            self._stack = stack
            yield stack

    @pytest.fixture(scope="module")
    def folder(self, request: pytest.FixtureRequest) -> Path:
        """The learner's files, which a check reads and never changes; those that are fixed are."""
        if (edit := Contract.of(request.module).edit) is not None:
            require_fixed(self._folder, request.path.parent / "starter", edit, self._handed)
        return self._folder

    @pytest.fixture(scope="module")
    def choice(self) -> Choice:
        """The engine that was chosen, for a check that starts a stack of its own."""
        return self._choice

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        with self._trying(requirement_of(getattr(item, "obj", None))):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Iterator[None]:
        report = yield
        requirement = requirement_of(getattr(item, "obj", None))
        if call.excinfo is not None and call.when != "teardown":
            verdict = self._judge(requirement, call.excinfo, item.path)
            self.verdicts.append(verdict)
            self._tell(verdict)
        elif call.when == "call":
            verdict = Verdict(requirement, "passed")
            self.verdicts.append(verdict)
            self._tell(verdict)
        return report

    def _judge(
        self, requirement: str, raised: pytest.ExceptionInfo[BaseException], path: Path
    ) -> Verdict:
        error = raised.value
        if not isinstance(error, Exception):
            raise error
        own = [one for one in raised.traceback if str(one.path) == str(path)]
        asked = (
            f"`{str(own[-1].statement).strip()}` ({path.name}:{own[-1].lineno + 1})"
            if own
            else "the start"
        )
        did, saw, expected, look_at = self._seen(error, asked)
        if isinstance(error, Unmet) and (slip := self._slip()):
            look_at = slip if slip.startswith(look_at) else f"{slip}; {look_at}"
        if gone := missing_from(self._folder, path.parent):
            look_at = f"{look_at}; {gone}" if isinstance(error, Unmet) else gone
        if isinstance(error, BusyError) or slowness() > MOST:
            return Verdict(requirement, "not decided", did, saw, expected, BUSY)
        return Verdict(requirement, "failed", did, saw, expected, look_at)

    def _seen(self, error: Exception, asked: str) -> tuple[str, str, str, str]:
        """Return `did`, `saw`, `expected` and `look_at` for an error that ended a test."""
        if isinstance(error, Unmet):
            return error.did, error.saw, error.expected, error.look_at
        if isinstance(error, TaskyardError):
            did = "used your running stack" if self._stack else "started your stack"
            expected = "every service starts, stays up and becomes healthy"
            line = error.faults[0].line
            compose = f"compose.yaml:{line}" if line else "compose.yaml"
            log = getattr(error, "log", "")
            return did, str(error), expected, place_in(log, self._folder) or compose
        if isinstance(error, DeadlineError):
            return error.waited, *self._around(error.saw)
        saw = str(error) if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
        return f"got as far as {asked}", *self._around(saw)

    def _around(self, saw: str) -> tuple[str, str, str]:
        """Return `saw`, with the ends of the logs that may explain it, `expected` and `look_at`."""
        expected = "an answer"
        if self._stack is None:
            return saw or "nothing", expected, "compose.yaml"
        saw = "; ".join(filter(None, (saw, self._stack.last_words(), meaning_of(saw))))
        logs = map(self._stack.logs, self._stack.project.services)
        places = filter(None, (place_in(log, self._folder) for log in logs))
        own = (s for s in self._stack.project.services.values() if not is_embedded(s))
        lines = (f"compose.yaml:{one.line}, the service `{one.name}`" for one in own)
        return saw, expected, next(places, "; ".join(lines) or "compose.yaml")

    def _slip(self) -> str:
        """Say where a service met an error of Python's own in the learner's code, if one did."""
        if self._stack is None:
            return ""
        # The check itself may have taken the stack down, or its engine gives no answer in time
        with contextlib.suppress(TaskyardError, DeadlineError):
            for service in self._stack.project.services:
                place, error = slip_in(self._stack.logs(service), self._folder)
                if place:
                    return f"{place}, where `{service}` met `{error}`"
        return ""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        modules = {item.getparent(pytest.Module) for item in session.items}
        try:
            for module in modules:
                Contract.of(getattr(module, "obj", None))
        except TaskyardError as error:
            self.broken = str(error)
            raise session.Failed from error  # before any requirement is tried
        self._all = [requirement_of(getattr(item, "obj", None)) for item in session.items]

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        # pytest also calls this if it could not import the check
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
    """Return the first line of a test's docstring: the requirement, as the README has it."""
    return (inspect.getdoc(test) or "").partition("\n")[0]


def run(
    path: Path,
    folder: Path,
    choice: Choice,
    label: str,
    tell: Callable[[Verdict], None],
    trying: Callable[[str], AbstractContextManager[object]] = nullcontext,
    handed: Mapping[str, str] = MappingProxyType({}),
) -> list[Verdict]:
    """
    Run the requirements of a `check.py` against the files in a folder.

    Args:
        path: The `check.py`.
        folder: The learner's files.
        label: The start of the Compose project's name.
        tell: Called with each verdict as it comes.
        trying: Entered with a requirement while it is tried.
        handed: The SHA-256 of each file as the learner got it; see `require_fixed`.

    Raises:
        TaskyardError: The check itself is broken.
    """
    plugin = Check(folder, choice, label, tell, trying, handed)
    arguments = [str(path), "--exitfirst", "-c", os.devnull, "--rootdir", str(path.parent)]
    # Without it, pytest would load each conftest.py between the root of the disk and the check
    arguments += ["--confcutdir", str(path.parent)]
    arguments += ["-p", "no:cacheprovider", "--import-mode", "importlib", "--capture", "no"]
    with contextlib.redirect_stdout(io.StringIO()) as report, _plain_pytest():
        status = pytest.main(arguments, plugins=[plugin])
    sys.modules.pop(path.stem, None)  # every check has this name; the next must be imported anew
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
    """Keep pytest's plugins and options of the learner's other projects out of the check."""
    before = dict(os.environ)
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
