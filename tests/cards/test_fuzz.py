"""No input ends in a traceback, and nothing in a card file is lost without an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it.token import Token

from taskyard.cards.grammar import read
from taskyard.cards.note import CardFile
from taskyard.cards.rendering import Fields
from taskyard.errors import TaskyardError
from taskyard.pages.parser import PARSER

FUZZ = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.large_base_example,
        HealthCheck.data_too_large,
    ],
)

# A word `?` of a piece becomes one of its own, and must be shown; a word `%` need not be.
CARDS = [
    "## %\n**Front:** ?\n**Back:** ?\n",
    "## %\n<!-- id: %-% -->\n**Front:** ?\n**Back:** ?\n",
    "## %\n<!-- id: % · tags: % % · proof: % -->\n**Front:** ?\n\n**Back:** ?\n\n**Hint:** ?\n",
    "## %\n<!--\nid: %\nkind: both\n-->\n**Front:** ?\n\n?\n\n**Back:** ?\n? **?**\n",
    "## %\n**Cloze:** ? {{c1::?}} ? {{c2::`?`::?}}\n**Extra:** ?\n",
    "## Card 7: % `%`\n**front**: ?\n__Back__:\n\n- ?\n- ?\n\n  ?\n",
    "## %\n**Front:** ?\n```python\n? = '?'\n\n## ?\n```\n**Back:** ?\n~~~~\n```\n?\n~~~~\n",
    "## %\n**Front:**\n\n| ? | ? |\n|---|---|\n| ? | `?` |\n\n**Back:** ?\n\n### ?\n?\n",
]
PIECES = [
    "?",
    "? ?",
    "**?** _?_ ***?***",
    "`? ?` ``?` ``",
    "# %",
    "## %",
    "   ## %",
    "\t## %",
    "##?",
    "##\u00a0?",
    "##",
    "### ?",
    "###### ? #",
    "**Front:** ?",
    "**Back:** ?",
    "**Front:**?",
    "**front** : ?",
    "**Front: ** ?",
    "**Front:\u00a0** ?",
    "**Front:**\u00a0?",
    "__Back:__ ?",
    "**Back**: ? **Hint:** ?",
    "*Front:* ?",
    "***Front:*** ?",
    "Front: ?",
    "**Question:** ?",
    "**Frnt:** ?",
    "\\**Front:** ?",
    "**Cloze:** ? {{c1::?}}",
    "**Cloze:** {{c1::?::?}} {{c2::`?::?`}}",
    "{{c1::?",
    "?}} ::",
    "{{C1::?}}",
    "{{c0::?}} {{c::?}} {{c1,2::?}}",
    "{{c1::**?}} ?**",
    "[{{c1::?](https://%)}}",
    "{{c1::a {{c2::?}} ?}}",
    "{{c1::}}",
    "**Extra:** ?",
    "**Hint:** ?",
    "<!-- id: % -->",
    "<!-- kind: both -->",
    "<!-- kind: cloze · tags: % -->",
    "<!-- retired: % -->",
    "<!-- % -->",
    "<!-- %",
    "% -->",
    "<!-- id: % --> ?",
    "? <!-- id: % --> ?",
    "<!-->",
    "<!--->",
    "<!-- % <!-- % -->",
    "<!--\nid: %",
    "<!--\n## %\n**Front:** %\n-->",
    "- <!-- % --> ?",
    "```",
    "```%",
    "``` ? ```",
    "~~~",
    "~~~ %",
    "````",
    "```\n?\n```",
    "- ```\n  ?\n  ```",
    "> ```\n> ?",
    "    ?",
    "\t?",
    "- ?",
    "* ?\n  - ?\n    - ?",
    "- - - - - - - - - - - ?",
    "> > > > > > > > > > > > > > > > > > > > > ?",
    "1. ?",
    "7) ?",
    "> ?",
    "> ## ?",
    "- ## ?",
    "- **Back:** ?",
    "> **Back:** ?",
    "- [ ] ?",
    "| ? | ? |\n|---|:-:|\n| ? | ? |",
    "| ? |\n|---|\n| ? | ? |",
    "? | ?\n--|--\n? | `?|?`",
    "> | ? |\n> |---|\n> | ? | ? | |",
    "|",
    "---",
    "===",
    "***",
    "-",
    "+++",
    "...",
    ":::",
    "%%%",
    "<div>",
    "<div>?</div>",
    "<br>",
    "?<br>? <kbd>?</kbd> H<sub>?</sub>",
    "<kbd>? **?</kbd>**",
    "</kbd> ?",
    "<? ? ?>",
    "<!DOCTYPE ?>",
    "<![CDATA[?]]>",
    "<b>?</b>",
    "a < b > ?",
    "&lt;?&gt; &amp; &#31; &nbsp;?",
    "[%]: https://example.com/%",
    "[?]: ?",
    "[^1]: ?",
    "[^1]: ? ?",
    "[a]: /b\n[a] ?\n\n[a]: /c",
    "[?](https://example.com/% '?')",
    "[?](%)",
    "[?][?]",
    "![?](%.png)",
    "![?](%.png '?')",
    "![](%00)",
    "<https://example.com/?>",
    "\\# ?",
    "\\(? \\\\(? [latex]?[/latex] [sound:?]",
    "\\",
    "deck: %",
    "tags: [%, %]",
    "tags: '",
    "\x00",
    "\x0c?",
    "\x1f?",
    "\u2028?",
    "\u200b?\ufeff",
    "e\u0301? \u0338?",
    "?\r?",
]
TITLES = ("h1", "h2")
SIGNS = "#*_`~<>!-[]():|{}\\&;=+.'\"% \t\n\r\u00a01acF\u0301\u2028\x00é😀ع"
JOINTS = ["\n", "\n\n", "", " ", "\n- ", "\n  ", "\n    ", "\n> ", "\n\t", "\r\n"]

pieces = st.one_of(st.sampled_from(PIECES), st.text(SIGNS, max_size=8))
chaos = st.lists(st.tuples(pieces, st.sampled_from(JOINTS)), max_size=14).map(
    lambda found: "".join(piece + joint for piece, joint in found)
)


@st.composite
def disturbed(draw: st.DrawFn) -> str:
    """Write well-made cards, with up to three pieces somewhere between their lines."""
    text = draw(st.sampled_from(["", "# %\n\n", "---\ndeck: %\n---\n", "# %\n\n?\n\n"]))
    text += "\n".join(draw(st.lists(st.sampled_from(CARDS), min_size=1, max_size=3)))
    lines = text.split("\n")
    for _ in range(draw(st.integers(0, 3))):
        joint = draw(st.sampled_from(["\n", "", " "]))
        at = draw(st.integers(0, len(lines) - 1))
        piece = draw(pieces)
        lines[at] = draw(
            st.sampled_from([f"{piece}{joint}{lines[at]}", f"{lines[at]}{joint}{piece}", piece])
        )
    return "\n".join(lines)


def worded(text: str) -> str:
    """Give each `?` and `%` of a generated text a word of its own."""
    numbers = count(1)

    def word(found: re.Match[str]) -> str:
        return f"{'shown' if found[0] == '?' else 'other'}{next(numbers)}x"

    return re.sub(r"\?|%(?!00)", word, text)


class Shown(HTMLParser):
    """Collects what a reader sees of a page: its text, and the titles of images and links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.feed(html)
        self.close()

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.said += [value or "" for _, value in attrs]


Read = Callable[[str], CardFile]


@pytest.fixture
def reading(tmp_path: Path) -> Read:
    """Read a text as a card file; findings must lie inside it."""

    def read_text(text: str) -> CardFile:
        path = tmp_path / "cards.md"
        path.write_bytes(text.encode())
        file = read(path)
        lines = path.read_text(encoding="utf-8").split("\n")
        for finding in file.findings:
            assert 1 <= finding.line <= len(lines), finding
            assert 1 <= finding.column <= len(lines[finding.line - 1]) + 1, finding
            assert "\n" not in str(finding)
        return file

    return read_text


def shown(file: CardFile) -> set[str]:
    """Return the words that a reader sees on any side, or in the deck's description."""
    fields = Fields(file.path.parent)
    sides = [side for note in file.notes for side in note.sides.values()]
    said = [" ".join(Shown(fields.field(side)).said) for side in (file.intro, *sides)]
    return set(re.findall(r"shown\d+x", " ".join(said)))


def left_out(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield what a reader need not see: comments, the front matter, titles of deck and cards."""
    for before, token in zip([None, *tokens], tokens, strict=False):
        yield from left_out(token.children or [])
        is_comment = token.type in ("html_block", "html_inline") and "<!--" in token.content
        is_title = before is not None and before.type == "heading_open" and before.tag in TITLES
        if is_comment or is_title or token.type == "front_matter":
            yield token.content
        yield token.info  # the language of code


def no_loss(text: str, file: CardFile) -> None:
    """Return what a file without an error has lost."""
    seen = shown(file)
    if any(finding.level == "error" for finding in file.findings):
        return
    tokens = PARSER.parse(text.removeprefix("\ufeff"))
    headings = [token.content for token in tokens if token.type == "heading_open"]
    assert len(file.notes) == sum(
        token.type == "heading_open" and token.tag == "h2" for token in tokens
    ), headings
    hidden = set(re.findall(r"shown\d+x", " ".join(left_out(tokens))))
    assert set() == set(re.findall(r"shown\d+x", text)) - hidden - seen


@settings(FUZZ, max_examples=500)
@given(template=chaos)
def test_what_is_not_shown_is_an_error(reading: Read, template: str) -> None:
    """Each word of any pieces of Markdown is on a card, or there is an error."""
    text = worded(template)
    no_loss(text, reading(text))


@settings(FUZZ, max_examples=1500)
@given(template=disturbed())
def test_a_slip_in_a_good_file_loses_nothing(reading: Read, template: str) -> None:
    """Well-made cards with a few odd pieces between them lose no card."""
    text = worded(template)
    no_loss(text, reading(text))


@settings(FUZZ, max_examples=200)
@given(content=st.binary(max_size=40))
def test_no_bytes_end_in_a_traceback(tmp_path: Path, content: bytes) -> None:
    """A file that is not text gives one error with its path."""
    path = tmp_path / "cards.md"
    path.write_bytes(content)
    try:
        read(path)
    except TaskyardError as error:
        assert str(path) in str(error)
