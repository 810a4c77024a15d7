"""The output of labs: live in a terminal, plain lines elsewhere, ASCII if the encoding needs it."""

from __future__ import annotations

import codecs
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from taskyard.errors import OutputLost
from taskyard.kit.prompt import ask, forget, is_in_front

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
    """Replace characters that the output's encoding lacks by similar ones of ASCII."""
    assert isinstance(error, UnicodeEncodeError)
    missing = error.object[error.start : error.end]
    return "".join(NEIGHBOURS.get(character, "?") for character in missing), error.end


codecs.register_error("taskyard-neighbour", _neighbour)


class _Console(Console):
    """A console that raises OutputLost when nothing more can be written."""

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

    Colour only repeats what the words say. A character that the output's encoding lacks is printed
    as a similar one of ASCII.
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
            whole = lead + line
            whole.rstrip()
            self._console.print(whole, soft_wrap=True)
            lead = Text(" " * len(lead))

    def raw(self, text: str) -> None:
        """Print lines unwrapped: charts, logs, differences."""
        for line in text.splitlines():
            self._console.print(Text(line), soft_wrap=True)

    def command(self, line: str) -> None:
        """Print a command that the learner can type."""
        self._console.print(Text(f"  $ {line}", style="cyan"), soft_wrap=True)

    def table(self, table: Table) -> None:
        """Print a table; what is too long for its column goes on below, and nothing is cut."""
        for column in table.columns:
            column.overflow = "fold"
        self._console.print(table)

    def markdown(self, text: str) -> None:
        if self.is_live and not self.ascii_only:
            from rich.markdown import Markdown  # only a hint needs it

            self._console.print(Markdown(text))
        else:
            self.raw(text)

    def difference(self, text: str) -> None:
        """Print a unified diff, with a colour for each sign."""
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
            what: What the block does, such as `starting redis`.
            now: Returns the state to show meanwhile; called every REFRESH_S in a live terminal.
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
        Ask for a prediction if somebody can answer; go on unless a key is pressed in PREDICT_S.

        Returns:
            The answer; empty if there was none.
        """
        self.say(f"Predict: {question}", style="bold")
        if not (self.is_live and is_in_front(sys.stdin)) or os.environ.get("CI"):
            return ""
        what = f"  your answer (Enter goes on, and so do {PREDICT_S:.0f} s): "
        answer = ask(what, sys.stdin, self._file, PREDICT_S)
        if answer is None:
            self._console.print()
            self._is_late = True
        return (answer or "").strip()

    def compare(self, predicted: str, seen: str) -> None:
        """Print the prediction, if there was one, beside what happened."""
        if self._is_late:  # the shell would run an answer that was typed too late
            forget(sys.stdin)
            self._is_late = False
        if predicted:
            self.say(f"You said: {predicted}. It was: {seen}.")
        else:
            self.say(f"It was: {seen}.")


class _Now:
    """The text of a step, with the state that `now` returns; rich renders it again and again."""

    def __init__(self, what: str, now: Callable[[], str] | None) -> None:
        self._what, self._now = what, now
        self._seen, self._asked = "", 0.0

    def __rich__(self) -> Text:
        if self._now is not None and time.monotonic() - self._asked > REFRESH_S:
            self._seen, self._asked = self._now(), time.monotonic()
        return Text(f"{self._what} {self._seen}".rstrip())
