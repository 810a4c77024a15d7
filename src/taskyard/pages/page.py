"""A Markdown page, read once into tokens: its headings, links, fences, lists and prose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path

from markdown_it.token import Token

from taskyard.errors import Fault, TaskyardError
from taskyard.pages.html import Tags
from taskyard.pages.parser import PARSER


@dataclass(frozen=True)
class Heading:
    """One heading; `text` is its Markdown source."""

    level: int
    text: str
    line: int


@dataclass(frozen=True)
class Link:
    """The target of a link or a picture, percent-encoded, and the line of the link."""

    target: str
    line: int


@dataclass(frozen=True)
class Fence:
    """
    One fenced block.

    Attributes:
        language: The first word after the fence; empty if there is none.
        text: What stands between the fences.
        markup: The fence itself, such as three backticks.
        line: The line of the opening fence.
    """

    language: str
    text: str
    markup: str
    line: int


@dataclass(frozen=True)
class Details:
    """One folded `<details>` block: the line that unfolds it, and the Markdown below that."""

    summary: str
    text: str
    line: int


@dataclass(frozen=True)
class Prose:
    """A piece of text in one line."""

    text: str
    line: int


@dataclass(frozen=True)
class Block:
    """One top-level block, such as a paragraph, a list or a fence; `text` is its source."""

    text: str
    line: int


class Page:
    """
    The contents of a Markdown file.

    Everything comes from the parser's tokens, so that code that looks like Markdown stays code.
    Lines count from 1.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text
        # The lines that the parser counts. `splitlines` would also split at a form feed
        self.lines = [line.removesuffix("\n") for line in StringIO(text, newline=None)]

    @classmethod
    def read(cls, path: Path) -> Page:
        """
        Read a file.

        Raises:
            TaskyardError: The file is not UTF-8.
        """
        try:
            return cls(path, path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise TaskyardError(
                f"the file is not UTF-8 text: {error.reason} at byte {error.start}",
                path=path,
                hint="save it as UTF-8",
            ) from error

    @cached_property
    def tokens(self) -> Sequence[Token]:
        return PARSER.parse(self.text)

    @cached_property
    def headings(self) -> tuple[Heading, ...]:
        return tuple(
            Heading(int(token.tag[1:]), self.tokens[place + 1].content, _line(token))
            for place, token in enumerate(self.tokens)
            if token.type == "heading_open"
        )

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Links and pictures, written in Markdown or in HTML."""
        found: list[Link] = []
        for token, line in _walk(self.tokens):
            href = {"link_open": "href", "image": "src"}.get(token.type)
            if href:
                found.append(Link(str(token.attrs[href]), line))
            elif token.type in ("html_block", "html_inline"):
                found += [Link(target, line + at) for target, at in Tags.of(token.content).links]
        return tuple(found)

    @cached_property
    def anchors(self) -> frozenset[str]:
        """
        The fragments that a link may name: the headings in GitHub's form, and HTML ids.

        Source: the algorithm of github-slugger.
        """
        found: set[str] = set()
        for place, token in enumerate(self.tokens):
            if token.type != "heading_open":
                continue
            seen = _seen(self.tokens[place + 1]).replace("`", "").lower()
            base = re.sub(r"[^\w\- ]", "", seen).replace(" ", "-")
            name, repeat = base, 0
            while name in found:
                repeat += 1
                name = f"{base}-{repeat}"
            found.add(name)
        for token, _ in _walk(self.tokens):
            if token.type in ("html_block", "html_inline"):
                found |= Tags.of(token.content).ids
        return frozenset(found)

    @cached_property
    def fences(self) -> tuple[Fence, ...]:
        """The fenced blocks; an indented block of code counts as one without a language."""
        return tuple(
            Fence((token.info.split() or [""])[0], token.content, token.markup, _line(token))
            for token in self.tokens
            if token.type in ("fence", "code_block")
        )

    @cached_property
    def prose(self) -> tuple[Prose, ...]:
        """The text that is read as sentences, line by line; code in a line is shown as `…`."""
        lines: dict[int, str] = {}
        for token, line in _walk(self.tokens):
            if token.type == "inline":  # the cells of a table share a line
                lines[line] = lines.get(line, "") + " "
            elif token.type == "text":
                lines[line] = lines.get(line, "") + token.content
            elif token.type == "image":
                lines[line] = f"{lines.get(line, '')} {token.content} "
            elif token.type == "html_block":
                for text, at in Tags.of(token.content).data:
                    lines[line + at] = lines.get(line + at, "") + text
            elif token.type == "code_inline":
                lines[line] = lines.get(line, "") + "`…`"
        return tuple(Prose(text, line) for line, text in sorted(lines.items()) if text.strip())

    @cached_property
    def inline_code(self) -> tuple[Prose, ...]:
        """The pieces of code in lines of text."""
        return tuple(
            Prose(token.content, line)
            for token, line in _walk(self.tokens)
            if token.type == "code_inline"
        )

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The top-level blocks, in order."""
        found = []
        for token in self.tokens:
            if token.level == 0 and token.map and token.nesting >= 0:
                start, end = token.map
                found.append(Block("\n".join(self.lines[start:end]), start + 1))
        return tuple(found)

    @property
    def opening(self) -> Sequence[str]:
        """The lines of the paragraphs above the first section, without emphasis."""
        found: list[str] = []
        for place, token in enumerate(self.tokens):
            if token.type == "heading_open" and token.tag == "h2":
                break
            if token.type == "inline" and self.tokens[place - 1].type == "paragraph_open":
                found += _seen(token).split("\n")
        return found

    def section(self, title: str) -> Sequence[Token]:
        """Return the tokens below a second-level heading; empty if there is no such heading."""
        found: list[Token] = []
        inside = False
        for place, token in enumerate(self.tokens):
            if token.type == "heading_open" and token.tag in ("h1", "h2"):
                inside = token.tag == "h2" and self.tokens[place + 1].content == title
            if inside:
                found.append(token)
        return found[3:]

    def items(self, title: str) -> tuple[str, ...]:
        """Return the first paragraph of each item of a section's lists, as one line of source."""
        tokens = self.section(title)
        return tuple(
            " ".join(tokens[place + 2].content.split())
            for place, token in enumerate(tokens)
            if token.type == "list_item_open" and token.level == 1
        )

    def details(self, title: str) -> tuple[Details, ...]:
        """
        Return the folded blocks of a section.

        Raises:
            TaskyardError: A block has no `<summary>`, no text, or no end.
        """
        found: list[Details] = []
        faults: list[Fault] = []
        opened: tuple[str, int, int] | None = None  # summary, its line, first line of the text
        for token in self.section(title):
            if token.type != "html_block" or token.map is None:
                continue
            start, end = token.map
            html = Tags.of(token.content)
            if opened and "details" in html.closed and "details" not in html.opened:
                summary, line, first = opened
                text = "\n".join(self.lines[first:start]).strip()
                faults += self._unreadable(summary, text, line)
                found.append(Details(summary, text, line))
                opened = None
            elif "details" in html.opened and "details" in html.closed:
                faults += self._unreadable(html.summary, "", start + 1)
            elif "details" in html.opened:
                opened = (html.summary, start + 1, end)
        if opened:
            cure = "write `</details>` on a line of its own"
            faults.append(Fault("`<details>` has no end", self.path, opened[1], cure))
        if faults:
            raise TaskyardError.of(faults)
        return tuple(found)

    def _unreadable(self, summary: str, text: str, line: int) -> list[Fault]:
        faults = []
        if not summary:
            cure = "write `<details><summary>Where to look</summary>`"
            faults.append(Fault("`<details>` has no `<summary>`", self.path, line, cure))
        if not text:
            # Without an empty line, Markdown takes the text for HTML.
            cure = "leave a line empty after `</summary>` and before `</details>`"
            what = "`<details>` holds no Markdown text"
            faults.append(Fault(what, self.path, line, cure))
        return faults


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1


def _seen(inline: Token) -> str:
    """Return the text of a paragraph or heading without markup; code keeps its backticks."""
    parts = {"text": "{}", "code_inline": "`{}`", "softbreak": "\n", "hardbreak": "\n"}
    return "".join(
        parts[child.type].format(child.content)
        for child in inline.children or ()
        if child.type in parts
    )


def _walk(tokens: Sequence[Token]) -> Iterator[tuple[Token, int]]:
    """Yield every token, including those inside a paragraph, with its line."""
    line = 1
    for token in tokens:
        if token.map:
            line = token.map[0] + 1
        yield token, line
        at = line
        for child in token.children or ():
            yield child, at
            at += child.type in ("softbreak", "hardbreak")
