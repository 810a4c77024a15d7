"""Links between pages: which are dead, why, and what was meant."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from tiny_course import write

from taskyard.errors import Fault
from taskyard.pages.links import dead


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a few pages, one of them in a folder whose name has a space."""
    root = tmp_path / "repository"
    write(root / "chapters" / "01-first-task.md", "# First task\n\n## A task waits\n")
    write(root / "labs" / "01-first-task" / "README.md", "# 01 · First task\n")
    write(root / "a folder" / "café.md", "# Été\n")
    write(root / "notes.txt", "no page\n")
    return root


def faults(root: Path, text: str, place: str = "chapters/02-replicas.md") -> list[Fault]:
    """Write a page and return its dead links."""
    return dead(root, [write(root / place, text)])


def fault(root: Path, text: str) -> Fault:
    """Return the one dead link of a page."""
    (one,) = faults(root, text)
    return one


@pytest.mark.parametrize(
    "target",
    [
        "01-first-task.md",
        "./01-first-task.md#a-task-waits",
        "../labs/01-first-task",
        "../labs/01-first-task/",
        "../labs",
        "..",
        "../a%20folder/caf%C3%A9.md",
        "<../a folder/café.md#été>",
        "../notes.txt#anything",
        "#replicas",
        "#",
        "https://redis.io/nowhere",
        "HTTPS://redis.io",
        "//redis.io/x",
        "mailto:a@b.c",
    ],
)
def test_a_link_that_leads_somewhere_is_alive(root: Path, target: str) -> None:
    """It may lead to a file, a folder or a heading; addresses of other hosts are not checked."""
    assert [] == faults(root, f"# Replicas\n\n[x]({target})\n")


@pytest.mark.parametrize(
    ("target", "why", "hint"),
    [
        ("../x/y.md", "there is no such file", "correct it, or add the file"),
        ("../notes.txt/x.md", "there is no such file", "correct it, or add the file"),
        ("01-frist-task.md", "there is no such file", "did you mean `01-first-task.md`?"),
        ("07-first-task.md", "there is no such file", "did you mean `01-first-task.md`?"),
        (
            "../labs/09-first-task/README.md",
            "there is no such file",
            "did you mean `../labs/01-first-task/README.md`?",
        ),
        (
            "01-first-task.md#a-task-wait",
            "no heading is `#a-task-wait`",
            "did you mean `#a-task-waits`?",
        ),
        ("#zzz", "no heading is `#zzz`", "link to one of the page's headings"),
        ("/labs", "it begins with `/`", "write it relative to this file"),
        (
            "../../repository-2/x.md",
            "it leaves the repository",
            "link to a file of the repository, or to an address with `https://`",
        ),
    ],
)
def test_a_dead_link_says_why_and_what_was_meant(
    root: Path, target: str, why: str, hint: str
) -> None:
    """A slug under its new number is found as well as a misspelt name."""
    expected = Fault(
        f"the link `{target}` is dead: {why}", root / "chapters" / "02-replicas.md", 4, hint
    )
    assert expected == fault(root, f"# Replicas\n\none\n[two]({target})\n")


def test_every_form_of_a_link_is_checked(root: Path) -> None:
    """What a reader would see broken is found; what stands in code is shown and not followed."""
    text = (
        '![a](a.png)\n\n<img src="b.png">\n\n[c]: c.md\n\n[text][c] <a href="d.md">d</a>\n\n'
        "`[x](y.md)`\n\n```text\n[x](y.md)\n```\n"
    )
    told = [(one.what.split("`")[1], one.line) for one in faults(root, text)]
    assert [("a.png", 1), ("b.png", 3), ("c.md", 7), ("d.md", 7)] == told


@pytest.mark.parametrize("name", ["with space.md", "ü.md", "a#b.md", "a:b.md", "100%.md"])
def test_a_percent_encoded_target_is_the_file_of_that_name(root: Path, name: str) -> None:
    """A `#` or a `:` that belongs to a name is encoded, and begins no fragment and no scheme."""
    to = f"../docs/{quote(name, safe='')}#{quote('größe')}"
    text = f"[a]({to}) ![b]({to}) [c]\n\n<a href='{to}'>d</a>\n\n[c]: {to}\n"
    told = [one.what.rpartition(": ")[2] for one in faults(root, text)]
    assert ["there is no such file"] * 4 == told
    write(root / "docs" / name, "# Größe\n")
    assert [] == faults(root, text)


def test_a_notebook_may_be_linked_before_it_is_built(root: Path) -> None:
    """The build asks for dead links first; a notebook that no chapter makes is dead."""
    assert [] == faults(root, "[x](notebooks/01-first-task.ipynb)\n", "README.md")
    for target in ("notebooks/09-nothing.ipynb", "notebooks/01-first-task.md"):
        assert 1 == len(faults(root, f"[x]({target})\n", "README.md"))


def test_all_dead_links_of_all_pages_come_at_once(root: Path) -> None:
    """A page that is not there has no links; one that is not text is a fault of its own."""
    one = write(root / "one.md", "[a](a.md)\n\n[b](b.md)\n")
    two = root / "two.md"
    two.write_bytes(b"\xff[c](c.md)\n")
    told = dead(root, [one, root / "gone.md", two])
    assert [(one, 1), (one, 3), (two, None)] == [(fault.path, fault.line) for fault in told]


def test_a_link_into_a_page_that_is_not_text_is_told_once_a_link(root: Path) -> None:
    """Without its text, nobody can say whether it has the heading."""
    (root / "two.md").write_bytes(b"\xff\n")
    assert [(root / "two.md", None)] == [
        (fault.path, fault.line) for fault in faults(root, "[a](../two.md#a)\n")
    ]
