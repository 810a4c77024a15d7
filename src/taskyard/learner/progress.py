"""The record of what a learner did in each lab, in a file that survives crashes and damage."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from taskyard.course import Chapter, Course, Lab
from taskyard.files import free_name, write

Event = Literal["demo", "passed", "failed", "hint", "solution"]


@dataclass(frozen=True)
class ChapterProgress:
    """
    What a learner did in one chapter.

    Attributes:
        demo: Whether the demo was run to its end.
        passed: Whether a check has ever passed.
        failed: The number of checks that failed.
        hints: The number of hints that were shown.
        solution: Whether the solution was shown.
        runs: Whether the lab can be done on this machine.
    """

    chapter: Chapter
    demo: bool = False
    passed: bool = False
    failed: int = 0
    hints: int = 0
    solution: bool = False
    runs: bool = True

    @property
    def is_open(self) -> bool:
        """Whether the chapter has a lab whose check has not passed."""
        return self.chapter.lab is not None and not self.passed


@dataclass(frozen=True)
class Progress:
    """All chapters in order."""

    chapters: tuple[ChapterProgress, ...]

    @property
    def next_step(self) -> str:
        """The next command to run; empty if no lab is left that this machine can run."""
        for row in self.chapters:
            if row.is_open and row.runs:
                return f"make {'check' if row.demo else 'lab'}-{row.chapter.number}"
        return ""


class ProgressFile:
    """
    `progress.json`, which counts each event in each lab.

    The caller holds the desk's lock. Labs and keys that this version does not know are kept,
    because an older checkout must not delete what a newer one wrote.

    Attributes:
        said: Sentences for the learner about a broken file that was renamed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []

    def counts(self, slug: str) -> Mapping[str, int]:
        """Return the number of times that each event happened in a lab."""
        lab = self.load()["labs"].get(slug, {})
        return {event: lab.get(event, 0) for event in get_args(Event)}

    def add(self, slug: str, event: Event) -> None:
        """Count one event; it is on the disk when this returns."""
        data = self.load()
        lab = data["labs"].setdefault(slug, {})
        lab[event] = lab.get(event, 0) + 1
        write(self.path, json.dumps(data, indent=2).encode() + b"\n")

    def summary(self, course: Course, runs: Callable[[Lab], bool]) -> Progress:
        """
        Return what was done in each chapter.

        Args:
            runs: Tells whether a lab can be done on this machine; called for open labs only.
        """
        rows: list[ChapterProgress] = []
        for chapter in course.chapters:
            if chapter.lab is None:
                rows.append(ChapterProgress(chapter))
                continue
            counts = self.counts(chapter.lab.slug)
            passed = counts["passed"] > 0
            rows.append(
                ChapterProgress(
                    chapter=chapter,
                    demo=counts["demo"] > 0,
                    passed=passed,
                    failed=counts["failed"],
                    hints=counts["hint"],
                    solution=counts["solution"] > 0,
                    runs=passed or runs(chapter.lab),
                )
            )
        return Progress(tuple(rows))

    def load(self) -> dict[str, Any]:
        """Read the file; rename one that cannot be read, and add a sentence to `said`."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return {"labs": {}}
        try:
            data = json.loads(content)
        except (ValueError, RecursionError):
            data = None
        if _is_progress(data):
            return dict(data)
        kept = free_name(self.path.with_name("progress.broken"), ".json")
        self.path.rename(kept)
        self.said.append(
            f"`{self.path.name}` could not be read, so your progress starts anew; "
            f"the old file is kept as `{kept}`"
        )
        return {"labs": {}}


def _is_progress(data: object) -> bool:
    return (
        isinstance(data, dict)
        and isinstance(data.get("labs"), dict)
        and all(
            isinstance(lab, dict) and all(_is_count(lab.get(event, 0)) for event in get_args(Event))
            for lab in data["labs"].values()
        )
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
