"""The HTML inside a Markdown page."""

from __future__ import annotations

from html.parser import HTMLParser


class Tags(HTMLParser):
    """
    What a piece of HTML holds; lines count from 0.

    Attributes:
        opened, closed: Names of tags, in order.
        links: The targets of links and pictures as they are written, each with its line.
        ids: Everything that a `#fragment` can name.
        data: The text, line by line, each with its line number.
        summary: The text of the first `<summary>`.
    """

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
        html.summary = " ".join(html.summary.split())
        return html

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)
        for name, value in attrs:
            if value and (tag, name) in (("a", "href"), ("img", "src"), ("source", "srcset")):
                self.links.append((value, self.getpos()[0] - 1))
            if value and name in ("id", "name"):
                self.ids.add(value)

    def handle_endtag(self, tag: str) -> None:
        self.closed.append(tag)

    def handle_data(self, data: str) -> None:
        if "summary" in self.opened and "summary" not in self.closed:
            self.summary += data
        start = self.getpos()[0] - 1
        self.data += [(text, start + at) for at, text in enumerate(data.split("\n"))]
