"""A question in a real terminal: what is typed into it is its answer, and nothing else's."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from terminal import Terminal

from taskyard.deadline import until
from taskyard.kit import console

ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def asks(timeout_s: float, go: Path) -> None:
    """Be a demo: ask once there is a file `ask`, and answer once there is a file `compare`."""
    console.PREDICT_S = timeout_s
    show = console.Show()
    show.say("before")
    until((go / "ask").exists, "the question")
    said = show.predict("how long does it take?")
    show.say("asked")
    until((go / "compare").exists, "the answer")
    show.compare(said, "6 s")


def command(timeout_s: float, go: Path) -> list[str]:
    """Return the command that asks."""
    script = f"import pathlib, test_prompt; test_prompt.asks({timeout_s}, pathlib.Path('{go}'))"
    return [sys.executable, "-c", script]


def ask(go: Path, timeout_s: float = 90, before: str = "") -> Terminal:
    """Start a process that asks, and that goes on when the files it waits for are in a folder."""
    go.mkdir()
    if not before:
        (go / "ask").touch()
    asking = Terminal(command(timeout_s, go), ENV)
    asking.wait_for(before or "your answer")
    return asking


def answer(asking: Terminal, go: Path) -> str:
    """Return the last line that is shown."""
    (go / "compare").touch()
    status, told = asking.end()
    assert status == 0, told
    return told.splitlines()[-1]


def test_what_is_typed_is_the_answer(tmp_path: Path) -> None:
    """A letter may have several bytes, and what is wrong may be taken back."""
    asking = ask(tmp_path / "go")
    asking.type("für x\x15über 7\x7f6 s\n")
    assert answer(asking, tmp_path / "go") == "You said: über 6 s. It was: 6 s."


def test_enter_goes_on(tmp_path: Path) -> None:
    """A prediction is not required."""
    asking = ask(tmp_path / "go")
    asking.type("\n")
    assert answer(asking, tmp_path / "go") == "It was: 6 s."


def test_whoever_has_begun_to_type_has_all_the_time_there_is(tmp_path: Path) -> None:
    """The time-out ends a question that nobody answers, and not one whose answer has begun."""
    begun = ask(tmp_path / "begun", timeout_s=3)
    begun.type("6")
    begun.wait_for("): 6")
    silent = ask(tmp_path / "silent", timeout_s=3)
    silent.wait_for("asked")
    assert "asked" not in begun.read()
    begun.type(" s\n")
    assert answer(begun, tmp_path / "begun") == "You said: 6 s. It was: 6 s."
    assert answer(silent, tmp_path / "silent") == "It was: 6 s."


def test_what_was_typed_before_the_question_is_no_answer(tmp_path: Path) -> None:
    """It was typed while the stack started, and answers nothing."""
    asking = ask(tmp_path / "go", before="before")
    asking.type("early\n")
    asking.wait_for("early")
    (tmp_path / "go" / "ask").touch()
    asking.wait_for("your answer")
    asking.type("6 s\n")
    assert answer(asking, tmp_path / "go") == "You said: 6 s. It was: 6 s."


def test_an_answer_that_comes_too_late_is_no_command(tmp_path: Path) -> None:
    """A shell that reads it would run it."""
    go, ran = tmp_path / "go", tmp_path / "ran"
    go.mkdir()
    (go / "ask").touch()
    shell = Terminal(["bash", "--norc", "--noprofile", "-i"], ENV)
    shell.type(f"{shlex.join(command(0.5, go))}\n")
    shell.wait_for("asked")
    shell.type(f"touch {ran}\n")
    shell.wait_for(f"touch {ran}")
    (go / "compare").touch()
    shell.wait_for("It was: 6 s.")
    shell.type("echo $((40 + 2)); exit\n")
    status, told = shell.end()
    assert (status, "\n42\n" in told) == (0, True)
    assert not ran.exists()


def test_nothing_is_asked_in_the_background(tmp_path: Path) -> None:
    """The terminal would stop whoever reads from there."""
    go = tmp_path / "go"
    go.mkdir()
    for name in ("ask", "compare"):
        (go / name).touch()
    script = f"{shlex.join(command(90, go))} & wait"
    status, told = Terminal(["bash", "-m", "-c", script], ENV).end()
    assert (status, "It was: 6 s." in told.splitlines()) == (0, True)
