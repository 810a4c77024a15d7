"""One error class: what is wrong, where, and what to do next; and how a command ends early."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """
    One thing that is wrong.

    Attributes:
        what: Lower case, no final full stop, values in backticks.
        path: The file it stands in.
        line: Counted from 1.
        hint: The next step; a command to copy where there is one.
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
    """A mistake that the learner or the author can mend; shown without a traceback."""

    def __init__(
        self, what: str, *, path: Path | None = None, line: int | None = None, hint: str = ""
    ) -> None:
        self.faults: tuple[Fault, ...] = (Fault(what, path, line, hint),)
        super().__init__(what)

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> TaskyardError:
        """Make one error of all the faults of a file; there is at least one."""
        first, *rest = faults
        error = cls(first.what, path=first.path, line=first.line, hint=first.hint)
        error.faults = (first, *rest)
        return error

    def __str__(self) -> str:
        return "\n\n".join(str(fault) for fault in self.faults)


class Told(SystemExit):
    """
    The end of a command that has said all there is to say, with its status.

    Raised where a check has failed, or a lab cannot be shown here. In a terminal, `make` does not
    hear of the status: below the verdict it would print an error of its own, as after a crash.
    """


class OutputLost(KeyboardInterrupt):
    """
    What is printed goes nowhere any more: a full disk, or a reader that is gone.

    It ends whatever runs, as Ctrl-C does; its cause is the error.
    """


def _short(path: Path) -> Path:
    """Relative to the working directory where it lies below it: shorter to read and to click."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
