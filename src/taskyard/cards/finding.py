"""What is wrong in a card file: where to the column, how bad, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from taskyard.errors import TaskyardError

Level = Literal["error", "warning", "notice"]


@dataclass(frozen=True)
class Finding:
    """
    One thing to say about a file.

    Attributes:
        rule: The name of the rule, as in `unclosed-fence`.
        level: An error keeps the deck from being built; a notice asks for nothing.
        what: Lower case, no final full stop, values in backticks.
        path: The card file.
        line: Counted from 1.
        column: Counted from 1, in characters.
        hint: The next step.
    """

    rule: str
    level: Level
    what: str
    path: Path
    line: int
    column: int = 1
    hint: str = ""

    def __str__(self) -> str:
        here = Path.cwd()
        path = self.path.relative_to(here) if self.path.is_relative_to(here) else self.path
        said = f"{path}:{self.line}:{self.column}: {self.level}: {self.what}"
        return f"{said}; {self.hint}" if self.hint else said


@dataclass(frozen=True)
class Source:
    """A file's path and lines, to find the column of what is wrong."""

    path: Path
    lines: Sequence[str]

    def error(self, rule: str, what: str, line: int, hint: str, at: str = "") -> Finding:
        """Return an error at the first `at` in that line, or at its first character."""
        return self._finding(rule, "error", what, line, hint, at)

    def warning(self, rule: str, what: str, line: int, hint: str, at: str = "") -> Finding:
        """Return a warning, in the column as of an error."""
        return self._finding(rule, "warning", what, line, hint, at)

    def notice(self, rule: str, what: str, line: int, hint: str, at: str = "") -> Finding:
        """Return a notice, in the column as of an error."""
        return self._finding(rule, "notice", what, line, hint, at)

    def line_with(self, text: str, start: int) -> int:
        """Return the first line from `start` on that holds a text, or `start`."""
        for line in range(start, len(self.lines) + 1):
            if text in self.lines[line - 1]:
                return line
        return start

    def _finding(
        self, rule: str, level: Level, what: str, line: int, hint: str, at: str
    ) -> Finding:
        source = self.lines[line - 1] if line <= len(self.lines) else ""
        place = source.find(at) if at else -1
        column = (place if place >= 0 else len(source) - len(source.lstrip())) + 1
        return Finding(rule, level, what, self.path, line, column, hint)


class FindingsError(TaskyardError):
    """Card files that cannot be built; says every error, a line each."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(str(findings[0]))

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self.findings)
