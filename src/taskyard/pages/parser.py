"""The one Markdown parser: CommonMark with tables and YAML front matter."""

from __future__ import annotations

from markdown_it import MarkdownIt
from mdit_py_plugins.front_matter import front_matter_plugin


class _Parser(MarkdownIt):
    def __init__(self) -> None:
        super().__init__("commonmark")
        self.enable("table").use(front_matter_plugin)


class _AsWritten(_Parser):
    def normalizeLink(self, url: str) -> str:
        return url


PARSER = _Parser()

AS_WRITTEN = _AsWritten()
"""A parser that keeps the target of a link as it is written; `PARSER` percent-encodes it."""
