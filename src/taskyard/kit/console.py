"""What a lab prints: live in a terminal, plain lines elsewhere, ASCII where nothing else fits."""

from __future__ import annotations

import codecs
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from taskyard.errors import OutputLost
from taskyard.kit.prompt import forget, is_in_front, read_line

PREDICT_S = 30.0
REFRESH_S = 0.25
MEANING = {
    "pass": "green",
    "ok": "green",
    "FAIL": "bold red",
    "not run": "dim",
    "busy": "yellow",
    "without": "dim",
}

NEIGHBOURS = {"…": "...", "·": "-", "→": "->", "×": "x", "–": "-", "—": "-", "’": "'"}


def _neighbour(error: UnicodeError) -> tuple[str, int]:
    """Encode a character that the output's encoding lacks as its ASCII neighbour."""
    assert isinstance(error, UnicodeEncodeError)
    missing = error.object[error.start : error.end]
    return "".join(NEIGHBOURS.get(character, "?") for character in missing), error.end


codecs.register_error("taskyard-neighbour", _neighbour)


class _Console(Console):
    """A console whose output may be lost at any moment."""

    def print(self, *objects: Any, **options: Any) -> None:
        try:
            super().print(*objects, **options)
        except OSError as error:
            raise OutputLost from error

    def on_broken_pipe(self) -> None:
        raise


class Show:
    """
    The learner's screen.

    Every line reads without colour. Where the output's encoding lacks a character, its ASCII
    neighbour is printed.
    """

    def __init__(self, file: TextIO | None = None, console: Console | None = None) -> None:
        self._file = file or sys.stdout
        if isinstance(self._file, TextIOWrapper):
            self._file.reconfigure(errors="taskyard-neighbour")
        self._console = console or _Console(file=self._file, highlight=False)
        encoding = (getattr(self._file, "encoding", None) or "ascii").lower()
        self.ascii_only = not encoding.startswith("utf")
        self._is_late = False

    @property
    def width(self) -> int:
        return self._console.width

    @property
    def is_live(self) -> bool:
        return self._console.is_terminal and not self._console.is_dumb_terminal

    def title(self, text: str) -> None:
        self._console.print(Text(text, style="bold"))

    def say(self, text: str = "", style: str = "", lead: str = "") -> None:
        """Print a paragraph, wrapped to the width of the terminal; all of it beside its lead."""
        self._beside(Text(lead, style=style), Text(text, style=style))

    def _beside(self, lead: Text, text: Text) -> None:
        for line in text.wrap(self._console, max(self.width - len(lead), 1)):
            line.rstrip()
            self._console.print(lead + line, soft_wrap=True)
            lead = Text(" " * len(lead))

    def raw(self, text: str) -> None:
        """Print lines as they are: charts, logs, differences."""
        for line in text.splitlines():
            self._console.print(Text(line), soft_wrap=True)

    def command(self, line: str) -> None:
        """Print a command that the learner can type."""
        self._console.print(Text(f"  $ {line}", style="cyan"), soft_wrap=True)

    def table(self, table: RenderableType) -> None:
        self._console.print(table)

    def markdown(self, text: str) -> None:
        if self.is_live and not self.ascii_only:
            from rich.markdown import Markdown  # only a hint needs it

            self._console.print(Markdown(text))
        else:
            self.raw(text)

    def difference(self, text: str) -> None:
        """Print a unified diff; added and removed lines have a colour as well as their sign."""
        colours = {"+": "green", "-": "red", "@": "cyan"}
        for line in text.splitlines():
            style = colours.get(line[:1], "")
            self._console.print(Text(line, style=style), soft_wrap=True)

    def outcome(self, word: str, text: str) -> None:
        """Print a word of MEANING, and what it is about."""
        self._beside(Text(f"{word:<8}", style=MEANING[word]), Text(text))

    @contextmanager
    def meanwhile(self, what: str, now: Callable[[], str] | None = None) -> Iterator[None]:
        """
        Show in a terminal what is done, as long as it takes.

        Args:
            now: Says what is seen at the moment; asked a few times a second.
        """
        if self.is_live:
            spinner = "line" if self.ascii_only else "dots"
            with self._console.status(_Now(what, now), spinner=spinner):
                yield
        else:
            yield

    @contextmanager
    def step(self, what: str, now: Callable[[], str] | None = None) -> Iterator[None]:
        """Show that something takes its time: live with what is seen `now`, then one line."""
        begin = time.monotonic()
        with self.meanwhile(what, now):
            yield
        self.say(f"{what}: {time.monotonic() - begin:.1f} s", style="dim")

    def predict(self, question: str) -> str:
        """
        Ask for a prediction where somebody can answer; a run waits half a minute for the first key.

        Returns:
            The answer, or nothing.
        """
        self.say(f"Predict: {question}", style="bold")
        if not (self.is_live and is_in_front(sys.stdin)) or os.environ.get("CI"):
            return ""
        self._console.print(f"  your answer (Enter goes on, and so do {PREDICT_S:.0f} s): ", end="")
        self._file.flush()
        answer = read_line(sys.stdin, self._file, PREDICT_S)
        if answer is None:
            self._console.print()
            self._is_late = True
        return (answer or "").strip()

    def compare(self, predicted: str, seen: str) -> None:
        """Put what was seen beside the prediction."""
        if self._is_late:  # what was typed meanwhile was an answer, and the shell would run it
            forget(sys.stdin)
            self._is_late = False
        if predicted:
            self.say(f"You said: {predicted}. It was: {seen}.")
        else:
            self.say(f"It was: {seen}.")


class _Now:
    """The text of a step: what it does, and what is seen at the moment of drawing."""

    def __init__(self, what: str, now: Callable[[], str] | None) -> None:
        self._what, self._now = what, now
        self._seen, self._asked = "", 0.0

    def __rich__(self) -> Text:
        if self._now is not None and time.monotonic() - self._asked > REFRESH_S:
            self._seen, self._asked = self._now(), time.monotonic()
        return Text(f"{self._what} {self._seen}".rstrip())
