"""The HTML of a page: tags, links, ids and text, each with its line."""

from __future__ import annotations

import pytest

from taskyard.pages.html import Tags


def test_links_are_found_where_a_browser_follows_or_loads_them() -> None:
    """Lines count from 0; a tag may be broken over several, and counts where it begins."""
    text = '<p>\n<a\n  href="a%20b.md">x</a>\n<IMG SRC=c.png>\n<source srcset="d.svg">\n</p>'
    assert [("a%20b.md", 1), ("c.png", 3), ("d.svg", 4)] == Tags.of(text).links


@pytest.mark.parametrize(
    "text",
    [
        "<a>x</a>",
        "<a href>x</a>",
        '<a href="">x</a>',
        "<!-- <a href='x'> -->",
        "<a href='x",
        "a < b",
    ],
)
def test_what_leads_nowhere_is_no_link(text: str) -> None:
    """Neither is a link in a comment, nor a tag that never ends."""
    assert [] == Tags.of(text).links


def test_ids_and_names_can_be_linked_to() -> None:
    """They may be on any tag, and empty ones do not count."""
    assert {"a", "b"} == Tags.of('<h2 id="a">x</h2><a name="b"></a><p id="">').ids


def test_tags_are_told_by_what_they_open_and_close() -> None:
    """A `<br/>` both opens and closes."""
    html = Tags.of("<details><summary>Where to look</summary><br/>")
    assert ["details", "summary", "br"] == html.opened
    assert ["summary", "br"] == html.closed
    assert "Where to look" == html.summary


def test_a_summary_may_hold_tags_of_its_own() -> None:
    """The summary is what a reader sees."""
    assert "The idea, and why" == Tags.of("<summary>\nThe <b>idea</b>, and why</summary>").summary


def test_text_comes_line_by_line() -> None:
    """Entities are resolved; comments are no text."""
    told = Tags.of("<p>a &amp; b\nc<!-- d -->\n</p>\n<p>e</p>").data
    assert [("a & b", 0), ("c", 1), ("e", 3)] == [one for one in told if one[0].strip()]
