"""Report what would be lost or changed on the way from Markdown to Anki."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any
from urllib.parse import unquote

from markdown_it.rules_block.table import escapedSplit
from markdown_it.token import Token

from taskyard.cards.comment import entries, is_comment
from taskyard.cards.finding import Source, short
from taskyard.cards.image import Image, is_outside, is_remote
from taskyard.cards.labels import WRITTEN, labels_within

_DEEPEST = 20
"""The depth of nesting from which markdown-it drops content without a word."""

_HARMLESS = re.compile(r"<br\s*/?>|</?(?:kbd|sub|sup)>", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")
_NO_HEADING = re.compile(r"\s*#{2,6}(?=[^#\s]|[^\S \t])")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})\s*[^\s`~]")
_ATTRIBUTE = re.compile(r"""\{[^}]*\}|[\w-]+=(?:"[^"]*"|'[^']*'|\S*)""")  # title="tasks.py" {1,3}
_MARKDOWN = ("markdown", "md")
_FOOTNOTE = re.compile(r"\[\^[\w-]+\]")


def in_characters(source: Source) -> None:
    """Report control characters, which Anki does not store; one of them separates its fields."""
    for line, text in enumerate(source.lines, 1):
        for found in _CONTROL.finditer(text):
            what = f"the control character U+{ord(found[0]):04X} cannot be stored in a note"
            source.error("control-character", what, line, "remove it", found.start() + 1)


def in_addresses(env: Mapping[str, Any], tokens: Sequence[Token], source: Source) -> None:
    """
    Report addresses, as in `[name]: https://…`, that no link uses.

    Args:
        env: The parser's environment, which has the addresses.
    """
    children = [child for token in tokens for child in token.children or ()] if env else []
    taken = {(one.attrGet("href") or one.attrGet("src"), one.attrGet("title")) for one in children}
    for name, one in env.get("references", {}).items():
        if (one["href"], one["title"] or None) not in taken:
            what = f"no link uses the address of `[{short(name.lower())}]`, and it would be lost"
            cure = "remove it, or put a backslash before it to have it shown"
            source.error("lost-text", what, one["map"][0] + 1, cure)
    for one in env.get("duplicate_refs", ()):
        first = env["references"][one["label"]]
        if (one["href"], one["title"]) != (first["href"], first["title"]):
            what = f"`[{short(one['label'].lower())}]` has another address, and this would be lost"
            source.error("lost-text", what, one["map"][0] + 1, "give it a name of its own")


def in_block(block: Sequence[Token], source: Source) -> None:
    """Report what in one top-level block would not reach Anki as it is written."""
    for line, label in labels_within(block):
        what = f"`**{label}:**` is not at the start of a line of its own"
        cure = "leave a line empty above it, and do not put it in a list or a quotation"
        written = WRITTEN.finditer(source.lines[line - 1])
        at = [one[0] for one in written if one[1].title() == label]
        source.error("swallowed-label", what, line, cure, at[-1] if at else "")
    columns = 0
    for token in block:
        line = (token.map or [0])[0] + 1
        match token.type:
            case "inline":
                _in_text(token, source)
            case "fence":
                _in_fence(token, source)
            case "html_block" if not is_comment(token):
                what = f"`{short(token.content)}` is HTML and would not be shown"
                cure = "put it in backticks, or in a block of code"
                source.error("raw-html", what, line, cure)
            case "html_block" if token is not block[0]:
                _in_comment(token.content, line, source)
            case "heading_open" if token.level and token.tag in ("h1", "h2"):
                what = "a heading in a list or a quotation does not begin a card"
                cure = "begin the line with `##`; a heading within a card has `###`"
                source.error("swallowed-heading", what, line, cure)
            case "list_item_open" | "blockquote_open" if token.level + 1 >= _DEEPEST:
                what = "what is nested in so many lists and quotations would be lost"
                source.error("too-deep", what, line, "nest them less deeply")
            case "thead_open":
                columns = 0
            case "th_open":
                columns += 1
            case "tr_open" if columns:
                _in_row(line, columns, source)


def _in_fence(fence: Token, source: Source) -> None:
    """Report a fence that is not closed, which Markdown ends at a later one or with the file."""
    start, end = fence.map or [0, 0]
    rows = fence.content.split("\n")
    if lost := _ATTRIBUTE.sub("", fence.info).split()[1:]:
        what = f"`{short(' '.join(lost))}` is beside the language of the code and would be lost"
        cure = "put it in the line below, or remove it"
        source.error("lost-text", what, start + 1, cure, lost[0])
    if len(rows) - (not rows[-1]) == end - start - 1:
        what = "the block of code has no end, so what follows is in it"
        cure = f"close it with {fence.markup} on a line of its own"
        source.error("unclosed-fence", what, start + 1, cure, fence.markup)
        return
    for line, row in enumerate(rows, start + 2):
        if (begun := _FENCE.match(row)) and begun[1].startswith(fence.markup):
            what = f"the block of code has no end before line {line}, where another begins"
            cure = f"close it with {fence.markup}, or make its fence longer"
            source.error("unclosed-fence", what, start + 1, cure, fence.markup)
            return
    for line, row in enumerate(rows, start + 2):
        if (label := WRITTEN.match(row)) and not fence.info.lower().startswith(_MARKDOWN):
            what = f"`{label[0]}` is in a block of code, and labels nothing there"
            cure = "close the block above it, or name its language `markdown`"
            source.warning("label-in-code", what, line, cure, label[0])


def _in_row(line: int, columns: int, source: Source) -> None:
    """Report cells beyond the last column of the table's head, which Markdown drops."""
    cells = escapedSplit(source.lines[line - 1].lstrip(" \t>").rstrip())
    extra = [cell.strip() for cell in cells[columns + (not cells[0]) :] if cell.strip()]
    if extra:
        what = f"`{short(extra[0])}` has no column in the head of its table and would be lost"
        cure = "add a column, or put a backslash before a `|` that does not separate cells"
        source.error("lost-text", what, line, cure, extra[0])


def _in_text(inline: Token, source: Source) -> None:
    line = (inline.map or [0])[0] + 1
    if "##" in inline.content:
        for at, row in enumerate(inline.content.split("\n"), line):
            if found := _NO_HEADING.match(row):
                what = f"`{found[0].strip()}` does not begin a heading without a space"
                source.error("broken-heading", what, at, "write a space after it", found[0])
    opened: list[tuple[str, int]] = []
    for child in inline.children or ():
        match child.type:
            case "text":
                _in_words(child.content, line, source)
            case "softbreak" | "hardbreak":
                line += 1
            case "html_inline":
                _in_html(child.content, line, opened, source)
                line += child.content.count("\n")
            case "image":
                _in_image(str(child.attrs.get("src", "")), line, source)
            case "link_open":
                target = str(child.attrs.get("href", ""))
                if not is_remote(target):
                    what = f"the link `{short(target)}` leads nowhere in Anki"
                    cure = "write an address with `https://`, or no link"
                    source.warning("relative-link", what, line, cure, target)
    for name, at in opened:
        source.error("raw-html", f"`<{name}>` is not closed", at, f"add `</{name}>`", f"<{name}>")


def _in_words(text: str, line: int, source: Source) -> None:
    if "**" in text or "__" in text:
        for found in WRITTEN.finditer(text):
            if found[0] in source.lines[line - 1]:  # and so is not escaped with backslashes
                what = f"`{found[0]}` is not a label as it is written"
                cure = f"write `**{found[1].title()}:**` and a space"
                source.error("broken-label", what, line, cure, found[0])
    if "[^" in text:
        for found in _FOOTNOTE.finditer(text):
            what = f"`{found[0]}` is not a footnote in a card, and is shown as it is"
            cure = "write the note into the text, or what is code into backticks"
            source.warning("footnote", what, line, cure, found[0])


def _in_html(html: str, line: int, opened: list[tuple[str, int]], source: Source) -> None:
    name = html.strip("</>").lower()
    if html.startswith("<!--"):
        _in_comment(html, line, source)
    elif not _HARMLESS.fullmatch(html):
        what = f"`{short(html)}` is HTML and would not be shown"
        source.error("raw-html", what, line, "put it in backticks", html.partition("\n")[0])
    elif not html.startswith("</"):
        opened += [(name, line)] if not name.startswith("br") else []
    elif opened and opened[-1][0] == name:
        opened.pop()
    else:
        what = f"`{html}` does not close what was opened last"
        source.error("raw-html", what, line, "remove it, or close the others first", html)


def _in_comment(html: str, line: int, source: Source) -> None:
    for entry in entries(html, line, source):
        what = f"`{entry.key}:` is not read in a list, a quotation or a line of text"
        cure = "put the comment on a line of its own"
        source.error("misplaced-key", what, entry.line, cure, entry.said)


def _in_image(address: str, line: int, source: Source) -> None:
    folder = source.path.parent
    if is_remote(address):
        return  # `rules.images` reports it
    if is_outside(folder, address):
        what = f"the image `{short(address)}` is outside the folder of the card file"
        cure = "copy it there: a deck takes no other file of your machine"
        source.error("foreign-image", what, line, cure, address)
    elif Image.find(folder, address) is None:
        target, beside = folder / unquote(address), list[str]()
        with suppress(OSError, ValueError):
            beside = [one.name for one in target.parent.iterdir()]
        close = get_close_matches(target.name, beside, n=1)
        cure = f"did you mean `{close[0]}`?" if close else "add the file, or remove the image"
        source.error("missing-image", f"there is no image `{short(address)}`", line, cure, address)
