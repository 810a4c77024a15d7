"""Findings about a card file: what is wrong, where, how bad it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from taskyard.errors import TaskyardError

Level = Literal["error", "warning", "notice"]


@dataclass(frozen=True)
class Finding:
    """
    One thing to say about a file.

    Attributes:
        rule: The name of the rule, such as `unclosed-fence`.
        level: An error keeps the deck from being built; a notice requires nothing.
        what: A clause in lower case, without a final full stop, with values in backticks.
        path: The card file.
        line: The line, from 1.
        column: The column in characters, from 1.
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
    """A file's path and lines, and the findings about it, which its methods add to."""

    path: Path
    lines: Sequence[str]
    findings: list[Finding] = field(default_factory=list)

    def error(self, rule: str, what: str, line: int, hint: str, at: str | int = "") -> Finding:
        """
        Add an error to the findings and return it.

        Args:
            at: The column, or a text to look for from this line to the end of the paragraph. An
                empty text stands for the first character of the line that is not a space.
        """
        return self._note(rule, "error", what, line, hint, at)

    def warning(self, rule: str, what: str, line: int, hint: str, at: str | int = "") -> Finding:
        """Add a warning to the findings and return it; `at` is as for an error."""
        return self._note(rule, "warning", what, line, hint, at)

    def notice(self, rule: str, what: str, line: int, hint: str, at: str | int = "") -> Finding:
        """Add a notice to the findings and return it; `at` is as for an error."""
        return self._note(rule, "notice", what, line, hint, at)

    def line_with(self, text: str, start: int) -> int:
        """Return the number of the first line from `start` on that contains a text, or `start`."""
        for line in range(start, len(self.lines) + 1):
            if text in self.lines[line - 1]:
                return line
        return start

    def column(self, line: int, text: str) -> int:
        """Return the column of a text in a line, or that of the first character but spaces."""
        said = self.lines[line - 1]
        place = said.find(text) if text else -1
        return (place if place >= 0 else len(said) - len(said.lstrip())) + 1

    def _line_of(self, text: str, start: int) -> int:
        """
        Return the line of a text in the paragraph that goes on at `start`, or `start`.

        The parser gives the lines of a paragraph, but not those of the tokens in it.
        """
        for line in range(start, len(self.lines) + 1):
            if text in self.lines[line - 1]:
                return line
            if not self.lines[line - 1].strip():
                break
        return min(start, len(self.lines))

    def _note(
        self, rule: str, level: Level, what: str, line: int, hint: str, at: str | int
    ) -> Finding:
        line = self._line_of(at, line) if isinstance(at, str) and at else min(line, len(self.lines))
        column = at if isinstance(at, int) else self.column(line, at)
        finding = Finding(rule, level, what, self.path, line, column, hint)
        self.findings.append(finding)
        return finding


class FindingsError(TaskyardError):
    """Card files cannot be built; the message has one line for each error."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(str(findings[0]))

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self.findings)


def short(text: str) -> str:
    """Shorten a text to one line of at most 40 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:39]}…"
