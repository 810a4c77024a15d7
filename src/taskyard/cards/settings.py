"""The front matter of a card file, which applies to all of its notes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import yaml

from taskyard.cards.finding import Source

_KEYS = ("deck", "tags")


@dataclass(frozen=True)
class Settings:
    """
    The settings of a card file.

    Attributes:
        deck: The name of the deck; if it is empty, the file's title is used.
        tags: The tags that every note gets.
    """

    deck: str = ""
    tags: tuple[str, ...] = ()


def read(yaml_text: str, source: Source) -> Settings:
    """Read the front matter, which begins in the second line of the file."""
    try:
        # BaseLoader reads everything as text, so that `deck: 1.10` names a deck `1.10`
        settings = yaml.load(yaml_text, yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        what = f"the front matter is not YAML: {problem}"
        before = yaml_text[: mark.index] if mark else ""  # YAML counts lines differently
        column = len(before) - before.rfind("\n")
        line = before.count("\n") + 2
        source.error("front-matter", what, line, "correct it, or remove it", column)
        return Settings()
    for line, row in enumerate(yaml_text.split("\n"), 2):
        if row.startswith("## "):
            what = "this is not a card: the front matter continues to the next `---`"
            source.error("front-matter", what, line, "remove the `---` of the first line")
    if settings in (None, "") and yaml_text.strip():
        what = "the front matter sets nothing, and what is in it would be lost"
        source.error("front-matter", what, 1, "remove the `---` above and below it")
    if settings in (None, ""):
        return Settings()
    if not isinstance(settings, dict):
        what = "the front matter is not a list of `key: value`"
        source.error("front-matter", what, 1, "write `deck: My deck`, or remove it")
        return Settings()
    return _settings(settings, source)


def _settings(settings: dict[object, object], source: Source) -> Settings:
    deck, words = settings.get("deck", ""), settings.get("tags", "")
    words = split(words) if isinstance(words, str) else words
    if not isinstance(deck, str):
        what = "the name of the deck is not text"
        source.error("front-matter", what, source.line_with("deck:", 1), "write `deck: My deck`")
    for key in settings:
        if key not in _KEYS:
            close = get_close_matches(str(key), _KEYS, n=1)
            cure = f"did you mean `{close[0]}`?" if close else "only `deck` and `tags` are"
            what = f"`{key}` is not read from the front matter"
            at = source.line_with(f"{key}:", 1)
            source.warning("unknown-key", what, at, cure, f"{key}:")
    return Settings(
        deck if isinstance(deck, str) else "",
        tags(words if isinstance(words, list) else [words], source.line_with("tags:", 1), source),
    )


def split(text: str) -> list[str]:
    """Split a text at spaces and commas."""
    return [word for word in re.split(r"[\s,]+", text) if word]


def tags(words: Sequence[object], line: int, source: Source) -> tuple[str, ...]:
    """Return words as tags; report an error for each that cannot be a tag."""
    found = []
    for word in words:
        text = word.removeprefix("#") if isinstance(word, str) else ""
        if not text or re.search(r"[\s\"]", text):
            what = f"the tag `{word}` contains what a tag cannot"
            cure = "write it without spaces and quotation marks"
            source.error("bad-tag", what, line, cure, str(word))
        else:
            found.append(text)
    return tuple(found)
