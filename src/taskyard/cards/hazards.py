"""What would be lost or changed on its way from Markdown to Anki."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from urllib.parse import unquote

from markdown_it.token import Token

from taskyard.cards.finding import Finding, Source
from taskyard.cards.labels import LABELS, labels_within

_HARMLESS = re.compile(r"<br\s*/?>|</?(?:kbd|sub|sup)>", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)


def in_characters(source: Source) -> Iterator[Finding]:
    """Find characters that a field of Anki cannot hold: it parts its fields by one of them."""
    for line, text in enumerate(source.lines, 1):
        for found in _CONTROL.finditer(text):
            what = f"the control character U+{ord(found[0]):04X} cannot be stored in a note"
            yield source.error("control-character", what, line, "remove it", at=found[0])


def in_block(block: Sequence[Token], source: Source) -> Iterator[Finding]:
    """Find what would not reach Anki as it stands in one top-level block."""
    for line, label in labels_within(block):
        what = f"`**{label}:**` is not at the start of a line of its own"
        cure = "leave a line empty above it, and put it in no list and no quotation"
        yield source.error("swallowed-label", what, line, cure, at=f"**{label}")
    for token in block:
        line = (token.map or [0])[0] + 1
        if token.type == "fence" and _is_open(token):
            what = "the block of code has no end, so all that follows is in it"
            cure = f"close it with `{token.markup}` on a line of its own"
            yield source.error("unclosed-fence", what, line, cure, at=token.markup)
        elif token.type == "html_block" and not token.content.lstrip().startswith("<!--"):
            what = f"`{short(token.content)}` is HTML and would not be shown"
            cure = "put it in backticks, or in a block of code"
            yield source.error("raw-html", what, line, cure)
        elif token.type == "inline":
            yield from _in_text(token, source)


def _is_open(fence: Token) -> bool:
    """Markdown closes a forgotten fence at the end of the file, without a word."""
    start, end = fence.map or [0, 0]
    lines = fence.content.count("\n") + (fence.content[-1:] not in ("\n", ""))
    return lines == end - start - 1


def _in_text(inline: Token, source: Source) -> Iterator[Finding]:
    line = (inline.map or [0])[0] + 1
    opened: dict[str, int] = {}
    for child in inline.children or ():
        if child.type == "html_inline":
            yield from _in_html(child.content, line, opened, source)
        elif child.type == "image":
            yield from _in_image(str(child.attrs.get("src", "")), line, source)
        elif child.type == "link_open":
            target = str(child.attrs.get("href", ""))
            if not _ADDRESS.match(target):
                what = f"the link `{target}` leads nowhere in Anki"
                cure = "write an address with `https://`, or no link"
                yield source.warning("relative-link", what, line, cure, at=target)
        elif child.type == "text":
            for label in LABELS:
                if child.content.lstrip().startswith(f"**{label}"):
                    what = f"`**{label}:**` is no label as it stands"
                    cure = f"write `**{label}:**` and a space"
                    yield source.error("broken-label", what, line, cure, at=f"**{label}")
        line += child.type in ("softbreak", "hardbreak")
    for name, at in opened.items():
        what = f"`<{name}>` is not closed"
        yield source.error("raw-html", what, at, f"add `</{name}>`", at=f"<{name}>")


def _in_html(html: str, line: int, opened: dict[str, int], source: Source) -> Iterator[Finding]:
    name = html.strip("</>").lower()
    if html.startswith("<!--"):
        return
    if not _HARMLESS.fullmatch(html):
        what = f"`{short(html)}` is HTML and would not be shown"
        yield source.error("raw-html", what, line, "put it in backticks", at=html)
    elif not html.startswith("</"):
        if not name.startswith("br"):
            opened[name] = line
    elif opened.pop(name, None) is None:
        yield source.error("raw-html", f"`{html}` closes nothing", line, "remove it", at=html)


def _in_image(address: str, line: int, source: Source) -> Iterator[Finding]:
    target = source.path.parent / unquote(address)
    if _ADDRESS.match(address) or target.is_file():
        return  # the rules speak of an image that is somewhere else
    beside = [one.name for one in target.parent.glob("*")] if target.parent.is_dir() else []
    close = get_close_matches(target.name, beside, n=1)
    cure = f"did you mean `{close[0]}`?" if close else "add the file, or remove the image"
    yield source.error("missing-image", f"there is no image `{address}`", line, cure, at=address)


def short(text: str) -> str:
    """Return a text as one line of at most 40 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:39]}…"
