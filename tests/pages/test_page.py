"""A page: what its Markdown holds, in which line, and what only looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskyard.errors import TaskyardError
from taskyard.pages.page import Block, Details, Fence, Heading, Link, Page, Prose

CODE = "# Code\n\n`[x](y.md)` and `# no`\n\n~~~text\n# no heading\n[x](y.md)\n<a id='no'>\n~~~\n"


def page(text: str) -> Page:
    return Page(Path("page.md"), text)


def test_an_empty_page_holds_nothing() -> None:
    """Callers need not check first whether there is anything."""
    empty = page("")
    assert () == empty.headings == empty.links == empty.fences == empty.prose == empty.blocks
    assert ([], (), ()) == (empty.opening, empty.items("Hints"), empty.details("Hints"))
    assert frozenset() == empty.anchors


def test_a_page_that_is_not_text_is_an_error_with_a_cure(tmp_path: Path) -> None:
    """The byte is named: most of such a file looks right in an editor."""
    path = tmp_path / "page.md"
    path.write_bytes("# Café\n".encode("latin-1"))
    with pytest.raises(TaskyardError) as raised:
        Page.read(path)
    (fault,) = raised.value.faults
    assert fault.what.startswith("the file is not UTF-8 text: ")
    assert fault.what.endswith(" at byte 5")
    assert (path, "save it as UTF-8") == (fault.path, fault.hint)


def test_headings_are_found_in_every_form_and_place() -> None:
    """Underlined, in a quotation and in a list; the text is the source."""
    text = "Title\n=====\n\n> ## `quoted`\n\n- ### in a list\n"
    expected = (Heading(1, "Title", 1), Heading(2, "`quoted`", 4), Heading(3, "in a list", 6))
    assert expected == page(text).headings


def test_what_stands_in_code_stays_code() -> None:
    """It is neither a heading, nor a link, nor an anchor, nor prose."""
    code = page(CODE)
    assert (Heading(1, "Code", 1),) == code.headings
    assert () == code.links
    assert {"code"} == code.anchors
    assert (Prose(" Code", 1), Prose(" `…` and `…`", 3)) == code.prose
    assert (Prose("[x](y.md)", 3), Prose("# no", 3)) == code.inline_code


def test_front_matter_is_no_text() -> None:
    """It is for the tooling."""
    told = page("---\ntitle: '[x](y.md)'\n---\n# Title\n")
    assert (Heading(1, "Title", 4),) == told.headings
    assert () == told.links
    assert (Prose(" Title", 4),) == told.prose


def test_a_link_has_the_line_that_it_stands_in() -> None:
    """Its paragraph may have begun above; one of HTML may stand below its first line."""
    text = (
        "a\nb [c](c.md)\n![d](d.png)  \n<e.md>\n\n"
        "<p>\n<img src='f.png'>\n</p>\n\n[g]\n\n[g]: g.md\n"
    )
    expected = [("c.md", 2), ("d.png", 3), ("f.png", 7), ("g.md", 10)]
    assert expected == [(link.target, link.line) for link in page(text).links]


@pytest.mark.parametrize(
    "text", ["[x](<a b.md>)", "[x](a%20b.md)", "![x](a%20b.md)", "[x]\n\n[x]: <a b.md>"]
)
def test_the_target_of_a_link_is_percent_encoded(text: str) -> None:
    """A `#` that belongs to a name is not one that begins a fragment."""
    assert (Link("a%20b.md", 1),) == page(text).links


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("A task waits", "a-task-waits"),
        ("C++ & more!", "c--more"),
        ("`worker_prefetch` is **not** `4`", "worker_prefetch-is-not-4"),
        ("[A link](x.md) in it", "a-link-in-it"),
        ("Eight – nine", "eight--nine"),
        ("Été", "été"),
        ("_Late_ and __late__", "late-and-late"),
        ("a_b stays", "a_b-stays"),
        ("Fish &amp; chips", "fish--chips"),
        ("Why `a[b](c)` fails", "why-abc-fails"),
        ("![picture](x.png) shown", "-shown"),
    ],
)
def test_an_anchor_is_named_as_the_code_host_names_it(heading: str, anchor: str) -> None:
    """It is made of what a reader sees of the heading, not of its Markdown."""
    assert {anchor} == page(f"## {heading}\n").anchors


def test_headings_that_are_alike_are_numbered() -> None:
    """A number that a heading has already is skipped; an id in HTML is an anchor too."""
    text = "# A\n\n# A\n\n# A-1\n\n# A\n\n<a id='here'></a> <b name=\"there\">x</b>\n"
    assert {"a", "a-1", "a-1-1", "a-2", "here", "there"} == page(text).anchors


def test_fences_have_a_language_a_mark_and_a_line() -> None:
    """An indented block is code without a language."""
    text = (
        "```python title=x\na\n```\n\n~~~~\nb\n~~~~\n\n    c\n\n````markdown\n```\nd\n```\n````\n"
    )
    expected = (
        Fence("python", "a\n", "```", 1),
        Fence("", "b\n", "~~~~", 5),
        Fence("", "c\n", "", 9),
        Fence("markdown", "```\nd\n```\n", "````", 11),
    )
    assert expected == page(text).fences


def test_prose_is_what_a_reader_reads() -> None:
    """Tables, captions and HTML are read; addresses in links, tags and comments are not."""
    text = (
        "One [two](three.md)\n<b>four</b> <!-- five --> ![six](seven.png)\n\n"
        "| a | b |\n|---|---|\n| c | `d` |\n\n<p>\neight\n</p>\n\n<!-- nine -->\n"
    )
    words = {said.line: " ".join(said.text.split()) for said in page(text).prose}
    expected = {1: "One two", 2: "four six", 4: "a b", 6: "c `…`", 9: "eight"}
    assert expected == words


def test_blocks_are_the_parts_of_the_page_in_order() -> None:
    """A list is one block with all that it holds."""
    text = "# T\n\none\ntwo\n\n- a\n\n  b\n- c\n\n```text\nx\n```\n***\n"
    expected = (
        Block("# T", 1),
        Block("one\ntwo", 3),
        Block("- a\n\n  b\n- c", 6),
        Block("```text\nx\n```", 11),
        Block("***", 14),
    )
    assert expected == tuple(Block(one.text.rstrip(), one.line) for one in page(text).blocks)


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("odd", ["\u2028", "\x0c", "\x85", "\x1e"])
def test_lines_end_where_markdown_ends_them(end: str, odd: str) -> None:
    """Not at the characters that Python alone takes for the end of a line."""
    text = f"a{odd}b\n\n<p>{odd}\nc\n</p>\n\nd [e](e.md)\n".replace("\n", end)
    read = page(text)
    assert (Block(f"a{odd}b", 1), "d [e](e.md)") == (read.blocks[0], read.blocks[-1].text)
    assert (Link("e.md", 7),) == read.links
    assert [1, 4, 7] == [said.line for said in read.prose if said.text.strip(f" {odd}\x0c")]


def test_the_opening_is_what_stands_before_the_first_section() -> None:
    """Without the title and without emphasis; code keeps its backticks."""
    text = "# T\n\nYou **import** a `file`.\n*Where does it go?*\n\n- no\n\n## S\n\nlater\n"
    assert ["You import a `file`.", "Where does it go?"] == page(text).opening[:2]
    assert "later" not in page(text).opening


SECTIONS = """# T

## Done when

* One
  **line** of source.

  More below it.
  * nested
* Two.

1. Three.

## Hints

* other
"""


def test_a_section_ends_at_the_next_one() -> None:
    """Its items are those of its lists, each as one line with its first paragraph."""
    assert ("One **line** of source.", "Two.", "Three.") == page(SECTIONS).items("Done when")
    assert ("other",) == page(SECTIONS).items("Hints")
    assert () == page(SECTIONS).items("done when")
    assert [] == page(SECTIONS).section("T")


FOLDED = """## Hints

<details>
<summary>Where to look</summary>

At `tasks.py`:

```python
"</details>"
```

</details>

<details><summary>The <b>idea</b></summary>

Think.

</details>
"""


def test_folded_blocks_are_read_with_their_markdown() -> None:
    """Code that looks like their end is not."""
    first = 'At `tasks.py`:\n\n```python\n"</details>"\n```'
    expected = (Details("Where to look", first, 3), Details("The idea", "Think.", 14))
    assert expected == page(FOLDED).details("Hints")
    assert () == page(FOLDED).details("Other")


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("<details>\n\nx\n\n</details>", "`<details>` has no `<summary>`", 3),
        ("<details><summary>a</summary>\n\n</details>", "`<details>` holds no Markdown text", 3),
        ("<details><summary>a</summary>\nx\n</details>", "`<details>` holds no Markdown text", 3),
        ("text\n\n<details><summary>a</summary>\n\nx", "`<details>` has no end", 5),
    ],
)
def test_a_folded_block_that_cannot_be_read_is_a_fault(text: str, what: str, line: int) -> None:
    """Each fault has its line, and shows the right form."""
    with pytest.raises(TaskyardError) as raised:
        page(f"## Hints\n\n{text}\n").details("Hints")
    assert [(what, line)] == [(fault.what, fault.line) for fault in raised.value.faults]
    assert all(fault.hint for fault in raised.value.faults)
