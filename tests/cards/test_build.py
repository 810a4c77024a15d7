"""The commands for cards: what they write and print, which is the same every time."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pythons import other_pythons

from taskyard.cards.commands import cards
from taskyard.files import ROOT

PLAIN = """# Queues

Where a message is.

## Card 1: Broker
**Front:** Where does a message of Celery wait?
**Back:** In the broker.

![a list](list.svg)

```python
send.delay(42)  # returns at once
```

## Card 2: Worker
**Front:** Which process of Celery runs a task?
**Back:** A worker.
"""
IMAGE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9"/></svg>'
)

STRUCK = """
import os, runpy, signal, sys

def strike(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith(".apkg"):
        os.kill(os.getpid(), blow)

blow = int(sys.argv.pop())
sys.addaudithook(strike)
runpy.run_module("taskyard", run_name="__main__")
"""
"""`python -m taskyard` that sends itself a signal when a deck is written and not yet in place."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A card file outside the course, with an image."""
    (tmp_path / "list.svg").write_text(IMAGE)
    file = tmp_path / "queues.md"
    file.write_text(PLAIN)
    os.utime(file, (1_795_000_000, 1_795_000_000))
    return file


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cards, [str(one) for one in arguments], catch_exceptions=False)


def members(package: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(package) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_deck_of_any_file(file: Path, tmp_path: Path) -> None:
    """One command is enough, and it prints what is in the package."""
    done = run("build", file, "-o", tmp_path / "out" / "queues.apkg")
    assert done.exit_code == 0
    assert "2 new, 0 changed, 0 unchanged, 0 retired" in done.output
    assert "import it in Anki" in done.output
    content = members(tmp_path / "out" / "queues.apkg")
    (name,) = json.loads(content["media"]).values()
    assert re.fullmatch(r"taskyard-[0-9a-f]{20}\.svg", name)
    assert content["0"].decode() == IMAGE


def test_the_same_file_makes_the_same_bytes(file: Path, tmp_path: Path) -> None:
    """It does so whatever was built before, with a cache or without."""
    packages = [tmp_path / f"{number}.apkg" for number in range(3)]
    for package in packages:
        run("build", file, "-o", package)
    run("build", file, "-o", packages[0])
    first, *others = (package.read_bytes() for package in packages)
    assert [first] * 2 == others


def test_the_same_members_on_another_python(file: Path, tmp_path: Path) -> None:
    """A release may be built anywhere."""
    others = dict(other_pythons())
    if not others:
        pytest.skip("there is no other Python from 3.11 to 3.13 here")
    run("build", file, "-o", tmp_path / "here.apkg")
    for version, python in others.items():
        # what cards are made with has no compiled part that it needs
        path = f"{ROOT / 'src'}{os.pathsep}{sysconfig.get_path('purelib')}"
        out = tmp_path / f"{version}.apkg"
        done = subprocess.run(
            [python, "-I", "-c", f"import sys; sys.path[:0] = {path.split(os.pathsep)!r}\n"
             "from taskyard.cards.commands import cards\ncards()", "build", file, "-o", out],
            capture_output=True,
            text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert members(tmp_path / "here.apkg") == members(out), version


def test_a_changed_image_is_a_changed_note(file: Path, tmp_path: Path) -> None:
    """Anki never replaces a file, so its name depends on its content; the cache hides no change."""
    run("build", file, "-o", tmp_path / "queues.apkg")
    (tmp_path / "list.svg").write_text(IMAGE.replace("9 9", "8 8"))
    done = run("build", file, "-o", tmp_path / "queues.apkg")
    assert "0 new, 1 changed, 1 unchanged" in done.output


def test_only_images_go_into_a_package(file: Path, tmp_path: Path) -> None:
    """A text from elsewhere may name any file that the person who builds it can read."""
    (tmp_path / "secret.txt").write_text("not an image")
    file.write_text(PLAIN.replace("list.svg", "secret.txt"))
    done = CliRunner().invoke(cards, ["build", str(file), "-o", str(tmp_path / "queues.apkg")])
    assert "there is no image `secret.txt`" in str(done.exception)
    assert not (tmp_path / "queues.apkg").exists()


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)


@pytest.mark.parametrize(
    "address",
    [
        "../elsewhere/p.png",
        "%2e%2e/elsewhere/p.png",
        "{elsewhere}/p.png",
        "link.png",
        "folder/p.png",
    ],
)
def test_no_file_outside_the_folder_of_the_cards_goes_into_a_package(
    tmp_path: Path, address: str
) -> None:
    """A deck is made to be given away: not even an image is taken from elsewhere."""
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "cards"
    for one in (elsewhere, folder):
        one.mkdir()
    (elsewhere / "p.png").write_bytes(PNG)
    (folder / "link.png").symlink_to(elsewhere / "p.png")
    (folder / "folder").symlink_to(elsewhere)
    address = address.format(elsewhere=elsewhere)
    (folder / "queues.md").write_text(PLAIN.replace("list.svg", address))
    done = CliRunner().invoke(
        cards, ["build", str(folder / "queues.md"), "-o", str(tmp_path / "queues.apkg")]
    )
    assert "queues.md:9:" in str(done.exception)
    assert "is outside the folder of the card file" in str(done.exception)
    assert not (tmp_path / "queues.apkg").exists()
    assert run("lint", folder / "queues.md").exit_code == 1


def test_a_link_within_the_folder_of_the_cards_is_followed(file: Path, tmp_path: Path) -> None:
    """It leads to a file that the folder holds anyway."""
    (tmp_path / "same.svg").symlink_to("list.svg")
    file.write_text(PLAIN.replace("list.svg", "same.svg"))
    assert run("build", file, "-o", tmp_path / "queues.apkg").exit_code == 0
    assert members(tmp_path / "queues.apkg")["0"].decode() == IMAGE


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("p.png", b"root:x:0:0", "`p.png` is not an image of the kind PNG"),
        ("p.svg", b"root:x:0:0", "`p.svg` is not an image of the kind SVG"),
        (
            "p.svg",
            f"<passwords>{IMAGE}</passwords>".encode(),
            "`p.svg` is not an image of the kind SVG",
        ),
        ("p.jpg", b"\xff\xd8\xff\xe0", "`p.jpg` is neither SVG nor PNG"),
        ("p.svg", IMAGE.replace("<rect", "<script>0</script><rect").encode(), "holds a script"),
        ("p.svg", IMAGE.replace("<rect", "<rect onclick='x()'").encode(), "holds a script"),
        (
            "p.svg",
            IMAGE.replace("<rect", "<a href=' Java&#10;script:x()'/><rect").encode(),
            "`href`",
        ),
        ("p.svg", IMAGE.replace("<rect", "<image href='a.png'/><rect").encode(), "from elsewhere"),
    ],
)
def test_a_build_refuses_what_the_linter_calls_a_loss(
    file: Path, tmp_path: Path, name: str, content: bytes, what: str
) -> None:
    """An image must be one by its content, hold all that it shows, and run nothing."""
    (tmp_path / name).write_bytes(content)
    file.write_text(PLAIN.replace("list.svg", name))
    for _ in range(2):  # and nothing that was kept hides it
        done = CliRunner().invoke(cards, ["build", str(file), "-o", str(tmp_path / "x.apkg")])
        assert what in str(done.exception)
        assert not (tmp_path / "x.apkg").exists()


def test_an_image_elsewhere_on_the_web_is_refused(file: Path, tmp_path: Path) -> None:
    """A learner without a network would not see it."""
    file.write_text(PLAIN.replace("list.svg", "https://example.com/list.svg"))
    done = CliRunner().invoke(cards, ["build", str(file), "-o", str(tmp_path / "x.apkg")])
    assert "so the deck lacks it" in str(done.exception)


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("list.svg/queues.apkg", "the deck cannot be written: "),
        ("/proc/queues.apkg", "the deck cannot be written: "),
        (f"{'a' * 300}.apkg", "the file in the deck's place cannot be read: file name too long"),
    ],
    ids=["no folder", "a closed folder", "a long name"],
)
def test_a_deck_that_cannot_be_written_is_a_sentence(
    file: Path, tmp_path: Path, place: str, what: str
) -> None:
    """The folder is a file, or cannot be written to, or the name is impossible."""
    done = subprocess.run(
        [sys.executable, "-m", "taskyard", "cards", "build", file, "-o", place],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"error: {what}" in done.stderr
    assert place in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_build_leaves_no_temporary_file(file: Path, tmp_path: Path, monkeypatch) -> None:
    """It leaves none in the folder of temporary files, and none beside the package."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    run("build", file, "-o", tmp_path / "queues.apkg")
    assert list((tmp_path / "tmp").iterdir()) == []
    assert {"queues.md", "list.svg", "queues.apkg", "tmp"} == {
        one.name for one in tmp_path.iterdir()
    }


def test_a_build_removes_what_a_killed_one_left(file: Path, tmp_path: Path) -> None:
    """It does so for every deck of its folder; the killed build has put no deck in place."""
    out = tmp_path / "out"
    with struck(file, out / "queues.apkg", signal.SIGKILL) as killed:
        assert killed.wait(60) == -signal.SIGKILL
        (left,) = out.iterdir()
        assert left.name != "queues.apkg"
    run("build", file, "-o", out / "another.apkg")
    assert [one.name for one in out.iterdir()] == ["another.apkg"]


def test_a_build_leaves_what_a_living_one_writes(file: Path, tmp_path: Path) -> None:
    """A build that is stopped, while another one builds beside it, still ends well."""
    out = tmp_path / "out"
    with struck(file, out / "queues.apkg", signal.SIGSTOP) as stopped:
        _, status = os.waitpid(stopped.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        run("build", file, "-o", out / "another.apkg")
        stopped.send_signal(signal.SIGCONT)
        assert stopped.wait(60) == 0
    assert {"queues.apkg", "another.apkg"} == {one.name for one in out.iterdir()}


@contextmanager
def struck(file: Path, out: Path, blow: signal.Signals) -> Iterator[subprocess.Popen[bytes]]:
    """Build a deck in a process that sends itself a signal before the deck is in place."""
    process = subprocess.Popen(
        [sys.executable, "-c", STRUCK, "cards", "build", file, "-o", out, str(int(blow))],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_nothing_is_built_of_a_file_with_an_error(file: Path, tmp_path: Path) -> None:
    """Each error is a line; the package that was there stays as it was."""
    out = tmp_path / "queues.apkg"
    run("build", file, "-o", out)
    good = out.read_bytes()
    file.write_text(
        PLAIN.replace("```python\n", "```python\n<tag>").replace("returns at once\n```", "x")
    )
    done = subprocess.run(
        [sys.executable, "-m", "taskyard", "cards", "build", file.name, "-o", out],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "queues.md:11:1: error: the block of code has no end" in done.stderr
    assert "Traceback" not in done.stderr
    assert out.read_bytes() == good


def test_another_file_is_never_overwritten(file: Path, tmp_path: Path) -> None:
    """`-o` with the wrong name costs nothing."""
    out = tmp_path / "letter.apkg"
    out.write_text("not a deck")
    done = subprocess.run(
        [sys.executable, "-m", "taskyard", "cards", "build", file, "-o", out],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, out.read_text()) == (1, "not a deck")
    assert "not a deck of Taskyard" in done.stderr


def test_two_files_make_two_decks(file: Path, tmp_path: Path) -> None:
    """Each deck has its file's title; an id that both files have is refused, with both places."""
    other = tmp_path / "other.md"
    other.write_text("# Other\n\n## Beat\n**Front:** What sends Celery's ticks?\n**Back:** Beat.\n")
    assert "3 new" in run("build", file, other, "-o", tmp_path / "both.apkg").output
    other.write_text(PLAIN.replace("![a list](list.svg)", ""))
    done = CliRunner().invoke(
        cards, ["build", str(file), str(other), "-o", str(tmp_path / "x.apkg")]
    )
    assert "`broker` is taken by the card in queues.md:5" in str(done.exception)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    """The sentence names the file."""
    for command in (["lint"], ["build", "-o", str(tmp_path / "x.apkg")]):
        done = CliRunner().invoke(cards, [*command, str(tmp_path / "no.md")])
        assert "no.md:1:1: error: there is no such file" in str(done.exception)


def test_lint_tells_errors_by_its_status(file: Path) -> None:
    """A file with warnings alone passes."""
    assert run("lint", file).exit_code == 0
    file.write_text(PLAIN.replace("**Back:** A worker.", "**Back:**"))
    done = run("lint", file)
    assert done.exit_code == 1
    assert "queues.md:17:1: error: `**Back:**` is empty" in done.output.replace(
        f"{file.parent}/", ""
    )


def test_findings_as_json(file: Path) -> None:
    """An editor gets rule, level, what, path, line, column and hint."""
    file.write_text(PLAIN.replace("**Back:** A worker.", "**Back:**"))
    found = [
        one for one in json.loads(run("lint", "--json", file).output) if one["level"] == "error"
    ]
    assert found == [
        {
            "rule": "empty-side",
            "level": "error",
            "what": "`**Back:**` is empty",
            "path": str(file),
            "line": 17,
            "column": 1,
            "hint": "write what it says",
        }
    ]


def test_watching_builds_again(file: Path, tmp_path: Path) -> None:
    """Saving the file is enough, even after a mistake."""
    out = tmp_path / "out" / "queues.apkg"
    watching = subprocess.Popen(
        [sys.executable, "-u", "-m", "taskyard", "cards", "watch", file, "-o", out],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = threading.Timer(60, watching.kill)
    deadline.start()
    try:
        assert "2 new" in until(watching, "waiting for a change")
        file.write_text(PLAIN.replace("**Back:** A worker.", "**Back:**"))
        assert "is empty" in until(watching, "waiting for a change")
        file.write_text(PLAIN.replace("A worker.", "A process of its own."))
        assert "0 new, 1 changed, 1 unchanged" in until(watching, "waiting for a change")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=30) == 130
    finally:
        deadline.cancel()
        watching.kill()
        watching.communicate()


def until(process: subprocess.Popen[str], end: str) -> str:
    """Read what a process says up to a line; it ends by itself when the process does."""
    said = ""
    assert process.stdout
    for line in process.stdout:
        said += line
        if end in line:
            return said
    raise AssertionError(f"it ended and never said `{end}`:\n{said}")
