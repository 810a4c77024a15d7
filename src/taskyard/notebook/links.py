"""Links in Markdown: parsed as tokens, changed in place."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from markdown_it import MarkdownIt


def relink(markdown: str, change: Callable[[str], str]) -> str:
    """
    Change where the relative links and pictures of a text lead.

    Args:
        markdown: The text; links in code blocks are not links.
        change: Gets a link's target as it is written and returns the new one.
    """
    for target in sorted(set(_targets(markdown)), key=len, reverse=True):
        new = change(target)
        if new != target:
            begin = r"(?:\]\(|^ {0,3}\[[^\]]+\]:\s*)<?"  # `](target` or `[name]: target`
            pattern = re.compile(rf"({begin}){re.escape(target)}(?=[\s>)]|$)", re.MULTILINE)
            markdown = pattern.sub(partial(_replace, new), markdown)
    return markdown


def notebook_link(target: str) -> str:
    """Lead from a chapter to another chapter's notebook, not to its Markdown."""
    path = urlsplit(target).path
    if "/" not in path and PurePosixPath(path).suffix == ".md":
        return target.replace(path, f"{path.removesuffix('.md')}.ipynb", 1)
    return target


def _replace(target: str, found: re.Match[str]) -> str:
    return found[1] + target


def _targets(markdown: str) -> list[str]:
    targets = []
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        for child in token.children or ():
            target = child.attrGet("href") or child.attrGet("src")
            if isinstance(target, str) and not urlsplit(target).scheme and target[:1] not in "#/":
                targets.append(target)
    return targets
