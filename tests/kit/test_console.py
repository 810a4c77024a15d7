"""What a learner reads: wrapped to the terminal, and as text alone."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from taskyard.kit.console import Show


@pytest.fixture
def shown() -> tuple[Show, io.StringIO]:
    """A screen of 40 columns, and what is on it."""
    file = io.StringIO()
    return Show(file, Console(file=file, width=40, highlight=False)), file


def test_a_line_that_is_wrapped_stays_in_its_column(shown: tuple[Show, io.StringIO]) -> None:
    """The lines below a word are about that word."""
    show, screen = shown
    show.outcome("not run", "Asked for an e-mail, the shop tells that it is not sent yet.")
    show.say("ordered, with 8 e-mails, and looked into Redis", lead="        did: ")
    show.say("no word is as long as /this/one/which/must/be/broken", lead="  ")
    assert screen.getvalue() == (
        "not run Asked for an e-mail, the shop\n"
        "        tells that it is not sent yet.\n"
        "        did: ordered, with 8 e-mails,\n"
        "             and looked into Redis\n"
        "  no word is as long as\n"
        "  /this/one/which/must/be/broken\n"
    )


def test_a_table_that_is_too_wide_is_wrapped_and_never_cut(shown: tuple[Show, io.StringIO]) -> None:
    """Neither a heading nor a name may end in dots."""
    show, screen = shown
    table = Table(box=None, pad_edge=False)
    for heading in ("sent", "task", "state", "result"):
        table.add_column(heading)
    table.add_row("4", "src.worker.emails.send_email", "FAILURE", "NotRegistered")
    show.table(table)
    lines = screen.getvalue().splitlines()
    assert lines[0].split() == ["sent", "task", "state", "result"]
    assert "…" not in screen.getvalue()
    assert max(map(len, lines)) <= 40
