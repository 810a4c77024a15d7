"""The HTML inside a Markdown page: what a piece of it opens, closes, links and says."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import unquote


class Tags(HTMLParser):
    """What one piece of HTML opens, closes, links and says; lines count from 0."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.links: list[tuple[str, int]] = []
        self.ids: set[str] = set()
        self.data: list[tuple[str, int]] = []
        self.summary = ""

    @classmethod
    def of(cls, text: str) -> Tags:
        html = cls()
        html.feed(text)
        html.close()
        return html

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)
        for name, value in attrs:
            if value and (tag, name) in (("a", "href"), ("img", "src"), ("source", "srcset")):
                self.links.append((unquote(value), self.getpos()[0] - 1))
            if value and name in ("id", "name"):
                self.ids.add(value)

    def handle_endtag(self, tag: str) -> None:
        self.closed.append(tag)

    def handle_data(self, data: str) -> None:
        if "summary" in self.opened and "summary" not in self.closed:
            self.summary += data.strip()
        start = self.getpos()[0] - 1
        self.data += [(text, start + at) for at, text in enumerate(data.splitlines())]
