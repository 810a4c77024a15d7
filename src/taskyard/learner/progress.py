"""What a learner did, lab by lab, in a file that survives crashes and its own damage."""

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
    What was done in one chapter.

    Attributes:
        failed: How many checks failed.
        hints: How many were read.
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
        """Whether there is a lab whose check has not passed."""
        return self.chapter.lab is not None and not self.passed


@dataclass(frozen=True)
class Progress:
    """All chapters in order."""

    chapters: tuple[ChapterProgress, ...]

    @property
    def next_step(self) -> str:
        """The command that comes next; empty where no lab is left that this machine can run."""
        for row in self.chapters:
            if row.is_open and row.runs:
                return f"make {'check' if row.demo else 'lab'}-{row.chapter.number}"
        return ""


class ProgressFile:
    """
    `progress.json`: how often each event happened in each lab.

    Whoever calls holds the desk's lock. Labs and keys that this version does not know stay as
    they are: an older checkout must not forget what a newer one wrote.

    Attributes:
        said: Sentences for the learner, about a file that had to be put aside.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []

    def counts(self, slug: str) -> Mapping[str, int]:
        """Return how often each event happened in a lab."""
        lab = self.load()["labs"].get(slug, {})
        return {event: lab.get(event, 0) for event in get_args(Event)}

    def add(self, slug: str, event: Event) -> None:
        """Count one event, and have it on the disk before returning."""
        data = self.load()
        lab = data["labs"].setdefault(slug, {})
        lab[event] = lab.get(event, 0) + 1
        write(self.path, json.dumps(data, indent=2).encode() + b"\n")

    def summary(self, course: Course, runs: Callable[[Lab], bool]) -> Progress:
        """
        Return what was done in each chapter and what comes next.

        Args:
            runs: Whether a lab can be done on this machine; asked for those that are open.
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
        """Read the file; one that cannot be read is put aside, and `said` says so."""
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
