"""
Render a side as the HTML of a field, so that Anki shows what the file says.

Anki, its editor and MathJax look for their own marks in a field, even in code. A comment without
words between the characters of such a mark disables it and does not show. MathJax ignores comments,
so an empty tag disables its marks. Anki also normalises text to Unicode's NFC, so any text in
another form is written as character references.
Source: Anki's manual, "Cloze deletion"; MathJax 3, `HTMLDomStrings`; measured with Anki 26.9.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from html import escape
from io import StringIO
from pathlib import Path
from typing import Any
from unicodedata import is_normalized

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Whitespace
from pygments.util import ClassNotFound

from taskyard.cards.image import Image
from taskyard.cards.note import Side
from taskyard.pages.parser import PARSER

_MARK = re.compile(
    r"\{(?=\{)|\}(?=\})|:(?=:)"  # {{c1:: and }}
    r"|\[(?=sound:|anki:|\[type:|(?i:latex)\]|\$\$?\])"
    r"|\\(?=[()\[\]])"  # MathJax
)
_NOTHING = "<!-- -->"
_FORMATTER = HtmlFormatter(nowrap=True)
_FORMATTER.span_element_openers[Whitespace] = ""  # a space needs no colour


class Fields(RendererHTML):
    """
    Renders the sides of one file.

    Attributes:
        media: The name in the package of each image, to its file. The name contains a digest of the
            content, because Anki never replaces a file: a changed image needs a new name.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.media: dict[str, Path] = {}

    def field(self, side: Side) -> str:
        """Return the HTML of a side."""
        html = str(self.render(side.tokens, PARSER.options, {})).rstrip("\n")
        if not is_normalized("NFC", html):
            html = html.encode("ascii", "xmlcharrefreplace").decode("ascii")
        return html

    # The renderer calls these by the type of the token.

    def text(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        html = unmarked(escape(tokens[idx].content, quote=False))
        return html.replace("image-occlusion:", f"image-occlusion{_NOTHING}:")  # {{c1::image-…

    def code_inline(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f"<code>{unmarked(escape(tokens[idx].content, quote=False))}</code>"

    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        token = tokens[idx]
        code = highlight((token.info.split() or [""])[0], token.content)
        return f'<pre class="code"><code>{unmarked(code)}</code></pre>\n'

    code_block = fence

    def html_inline(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return "" if tokens[idx].content.startswith("<!--") else tokens[idx].content

    def html_block(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return ""  # comments; anything else is an error of the grammar

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        token = tokens[idx]
        source = str(token.attrs["src"])
        image = Image.find(self.folder, source)
        if image and image.is_sound:
            source = image_name(image.path)
            self.media[source] = image.path
        alt = self.renderInlineAsText(token.children or [], options, env)
        return f'<img src="{_attribute(source)}" alt="{_attribute(alt)}"{_title(token)}>'

    def link_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        token = tokens[idx]
        return f'<a href="{_attribute(str(token.attrs["href"]))}"{_title(token)}>'

    def cloze_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f"{{{{c{tokens[idx].meta['number']}::"

    def cloze_hint(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return "::"

    def cloze_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return "}}"


def image_name(path: Path) -> str:
    """Return the name of an image in a package, which depends on its content alone."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:20]
    suffix = re.sub(r"[^.a-z0-9]", "", path.suffix.lower())  # Anki allows few characters
    return f"taskyard-{digest}{suffix}"


def unmarked(html: str) -> str:
    """Break up everything that Anki would take for one of its marks."""
    return _MARK.sub(_parted, html)


def highlight(language: str, code: str) -> str:
    """Return code as HTML with Pygments' short class names, or plain if no lexer fits."""
    lexer = _lexer(language)
    if lexer is not None and code.strip():
        pieces = list(lexer.get_tokens(code))
        if "".join(text for _, text in pieces) == code:  # a lexer may drop or add a line
            html = StringIO()
            _FORMATTER.format(pieces, html)
            return html.getvalue()
    return escape(code, quote=False)


def _parted(mark: re.Match[str]) -> str:
    return f"{mark[0]}<span></span>" if mark[0] == "\\" else f"{mark[0]}{_NOTHING}"


def _attribute(text: str) -> str:
    return _MARK.sub(lambda found: f"&#{ord(found[0])};", escape(text))


def _title(token: Token) -> str:
    title = token.attrGet("title")
    return f' title="{_attribute(str(title))}"' if title else ""


@cache
def _lexer(language: str) -> Lexer | None:
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False) if language else None
    except ClassNotFound:
        return None
