"""The parser: which Markdown the course is written in."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from taskyard.pages.parser import AS_WRITTEN, PARSER

TABLE = "| a |\n|---|\n| b |\n"


@pytest.mark.parametrize("parser", [PARSER, AS_WRITTEN], ids=["PARSER", "AS_WRITTEN"])
def test_tables_and_front_matter_are_read(parser: MarkdownIt) -> None:
    """CommonMark has neither."""
    kinds = [token.type for token in parser.parse(f"---\na: 1\n---\n{TABLE}")]
    assert ["front_matter", "table_open"] == kinds[:2]


@pytest.mark.parametrize("text", ["# T\n\n---\na: 1\n---\n", "---\na: 1\n"])
def test_front_matter_stands_at_the_top_and_ends(text: str) -> None:
    """Elsewhere three dashes are a rule, or make a heading of the line above."""
    assert "front_matter" not in [token.type for token in PARSER.parse(text)]


def target(parser: MarkdownIt, text: str) -> str:
    (_, inline, _) = parser.parse(text)
    return str(inline.children[0].attrs["href"])


def test_one_parser_leaves_a_target_as_it_was_written() -> None:
    """A page that is written anew keeps its links character by character."""
    assert "./caf%C3%A9.md" == target(PARSER, "[x](./café.md)")
    assert "./café.md" == target(AS_WRITTEN, "[x](./café.md)")
    assert "a%20b.md" == target(AS_WRITTEN, "[x](a%20b.md)")
