"""The errors that learners and authors see, and the exceptions that end a command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """
    One thing that is wrong.

    Attributes:
        what: A clause in lower case, without a final full stop, with values in backticks.
        path: The file that it is in.
        line: The line, from 1.
        hint: The next step, as a command to copy if there is one.
    """

    what: str
    path: Path | None = None
    line: int | None = None
    hint: str = ""

    def __str__(self) -> str:
        lines = [f"error: {self.what}"]
        if self.path is not None:
            lines.append(f"  --> {_short(self.path)}" + (f":{self.line}" if self.line else ""))
        if self.hint:
            lines += ["", f"hint: {self.hint}"]
        return "\n".join(lines)


class TaskyardError(Exception):
    """A mistake that a learner or an author can mend, which is shown without a traceback."""

    def __init__(
        self, what: str, *, path: Path | None = None, line: int | None = None, hint: str = ""
    ) -> None:
        self.faults: tuple[Fault, ...] = (Fault(what, path, line, hint),)
        super().__init__(what)

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> TaskyardError:
        """Make one error of several faults, at least one."""
        first, *rest = faults
        error = cls(first.what, path=first.path, line=first.line, hint=first.hint)
        error.faults = (first, *rest)
        return error

    def __str__(self) -> str:
        return "\n\n".join(str(fault) for fault in self.faults)


class Told(SystemExit):
    """
    The end of a command that has explained itself, with its exit status.

    It is raised if a check has failed, or if a lab cannot be shown on this machine. In a terminal
    the exit status is 0, because `make` would print an error of its own below the verdict.
    """


class OutputLost(KeyboardInterrupt):
    """
    The output can no longer be written, because a disk is full or its reader is gone.

    It ends everything that runs, as Ctrl-C does; its cause is the system's error.
    """


def _short(path: Path) -> Path:
    """Make a path below the working directory relative, to be read and clicked more easily."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
