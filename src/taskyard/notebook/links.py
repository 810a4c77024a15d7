"""Change the links of a Markdown text: they are found as tokens, and replaced in the source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from string import punctuation
from typing import Any
from urllib.parse import urlsplit

from taskyard.pages.parser import AS_WRITTEN

# Escaped characters and code in a line, which may look like a link
_PASSED_OVER = r"\\.|(?<!`)(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)"
_IN_TEXT = r"\]\(\s*<?"
_IN_DEFINITION = r"^(?:[ >*+-]|\d+[.)])*\[[^\]]+\]:\s*<?"


def relink(markdown: str, change: Callable[[str], str]) -> str:
    """
    Return a text with the targets of its relative links and pictures changed.

    Args:
        markdown: The text; what looks like a link in code stays.
        change: Maps a target, as it is written, to the new one.
    """
    environment: dict[str, Any] = {}
    lines = markdown.split("\n")
    for token in AS_WRITTEN.parse(markdown, environment):
        if token.map and token.children:
            targets = (one.attrGet("href") or one.attrGet("src") for one in token.children)
            _change(lines, token.map, _IN_TEXT, targets, change)
    for definition in environment.get("references", {}).values():
        _change(lines, definition["map"], _IN_DEFINITION, [definition["href"]], change)
    return "\n".join(lines)


def notebook_link(target: str) -> str:
    """Turn the target of a link to another chapter's Markdown into that chapter's notebook."""
    path = urlsplit(target).path
    if "/" not in path and PurePosixPath(path).suffix == ".md":
        return target.replace(path, f"{path.removesuffix('.md')}.ipynb", 1)
    return target


def _change(
    lines: list[str],
    place: Sequence[int],
    begin: str,
    targets: Iterable[object],
    change: Callable[[str], str],
) -> None:
    """Change targets in the lines from `place[0]` up to `place[1]`; their number stays the same."""
    relative = {one for one in targets if isinstance(one, str) and _is_relative(one)}
    if not relative:
        return
    either = "|".join(map(_written, sorted(relative, key=len, reverse=True)))
    pattern = re.compile(
        rf"{_PASSED_OVER}|(?P<begin>{begin})(?P<target>{either})(?=[\s>)]|$)",
        re.MULTILINE | re.DOTALL,
    )

    def replace(found: re.Match[str]) -> str:
        return found["begin"] + change(found["target"]) if found["target"] else found[0]

    text = pattern.sub(replace, "\n".join(lines[slice(*place)]))
    lines[slice(*place)] = text.split("\n")


def _written(target: str) -> str:
    """Return a pattern for a target in Markdown source, where punctuation may be escaped."""
    marks = {mark: rf"\\?{re.escape(mark)}" for mark in punctuation} | {"&": r"(?:\\?&|&amp;)"}
    return "".join(marks.get(one, re.escape(one)) for one in target)


def _is_relative(target: str) -> bool:
    return not urlsplit(target).scheme and target[:1] not in ("", "#", "/")
