"""Rules about blocks of code: in a known language, correct, and small enough for a phone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cache

from pygments.lexers import find_lexer_class_by_name, get_all_lexers
from pygments.util import ClassNotFound

from taskyard.cards.rules.reading import Card
from taskyard.cards.rules.rule import Said, of_card, over
from taskyard.files import ROOT
from taskyard.pages.fence import trouble

MAX_LINES = 12
MAX_COLUMNS = 36
"""The columns that a phone of 360 pixels shows without scrolling, even in a list."""
TAB_COLUMNS = 4

_ALIASES = {
    "console": "console shell-session",
    "bash": "bash sh shell",
    "dockerfile": "dockerfile docker",
    "json": "json",
    "pycon": "pycon python-console",
    "python": "python py python3 py3",
    "toml": "toml",
    "yaml": "yaml yml",
}
_CHECKED = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}
_PROMPT = re.compile(r"\s*(>>>|\.\.\.)(?: |$)")
_TIMEOUT_S = 30.0


@of_card
def code_does_not_parse(card: Card) -> Iterator[Said]:
    """Code parses, because a learner copies what a card shows."""
    for block in card.blocks:
        language = _CHECKED.get(block.language.lower(), "")
        if language in ("bash", "console") and shutil.which("bash") is None:
            what = f"there is no `bash` here, so this `{block.language}` was not parsed"
            yield Said(what, block.opening, "install `bash` to have it parsed", "notice")
            continue
        cure = "correct it, or give the block another language, such as `text`"
        if language == "python" and block.text.lstrip().startswith(">>>"):
            cure = "a session with prompts is `pycon`"
        for line, column, what in _trouble(language, block.text, card.is_course):
            yield Said(what, block.place(line, column), cure, "error")


@of_card
def unknown_language(card: Card) -> Iterator[Said]:
    """Pygments knows the language of a block; otherwise the code has no colours."""
    for block in card.blocks:
        if block.language and not _is_known(block.language):
            close = _close(block.language)
            cure = f"did you mean `{close}`?" if close else "write `text` if none fits"
            what = f"Pygments knows no language `{block.language}`"
            yield Said(what, block.naming, cure, "error")


@of_card
def no_language(card: Card) -> Iterator[Said]:
    """A block names its language."""
    for block in card.blocks:
        if not block.language:
            what = "this block of code names no language"
            cure = "open it with one, as in ```` ```python ````; `text` is for output"
            yield Said(what, block.opening, cure)


@of_card
def long_code(card: Card) -> Iterator[Said]:
    """A block has at most twelve lines, which can be taken in at a glance."""
    for block in card.blocks:
        lines = len(block.text.rstrip().split("\n"))
        if level := over(lines, MAX_LINES):
            what = f"the block has {lines} lines, over {MAX_LINES}"
            cure = "show only the lines that the question needs"
            yield Said(what, block.place(MAX_LINES + 1), cure, level)


@of_card
def wide_code(card: Card) -> Iterator[Said]:
    """No line is wider than a phone, which might hide what the card asks about."""
    for block in card.blocks:
        for number, line in enumerate(block.text.split("\n"), 1):
            columns = len(line.expandtabs(TAB_COLUMNS))
            if columns > MAX_COLUMNS:
                what = f"the line has {columns} columns, over {MAX_COLUMNS}"
                yield Said(what, block.place(number, MAX_COLUMNS + 1), "break the line", "error")


def _trouble(language: str, text: str, is_course: bool) -> Iterator[tuple[int, int, str]]:
    if language == "bash":
        yield from _bash(text)
    elif language == "pycon":
        yield from _session(text)
    elif language == "console":
        yield from trouble(language, text, ROOT if is_course else None)
    elif language:
        yield from trouble(language, text)


@cache
def _bash(text: str) -> Sequence[tuple[int, int, str]]:
    command = (shutil.which("bash") or "bash", "-n", "/dev/stdin")
    environment = os.environ | {"LC_ALL": "C"}  # its message is parsed below
    done = subprocess.run(
        command,
        input=text.encode(),
        env=environment,
        capture_output=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode == 0:
        return ()
    said = done.stderr.decode(errors="replace").strip()
    found = re.search(r"line (\d+): (.*)", said)
    line, what = (int(found[1]), found[2]) if found else (1, said)
    return ((line, 1, f"this is not Bash: {what}"),)


def _session(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the faults in each input of an interactive session."""
    source: list[str] = []
    begun = indent = 0
    for line, content in enumerate([*text.split("\n"), ""], 1):
        prompt = _PROMPT.match(content)
        if source and not (prompt and prompt[1] == "..."):
            for at, column, what in trouble("python", "\n".join(source)):
                yield begun + at - 1, column + indent, what
            source = []
        if prompt and (source or prompt[1] == ">>>"):
            begun, indent = (begun, indent) if source else (line, prompt.end())
            source.append(content[prompt.end() :])


@cache
def _is_known(language: str) -> bool:
    try:
        find_lexer_class_by_name(language)
    except ClassNotFound:
        return False
    return True


@cache
def _close(language: str) -> str:
    """Return the language that was probably meant: the one of a file suffix, or a similar name."""
    lexers = [(aliases, files) for _, aliases, files, _ in get_all_lexers(plugins=False) if aliases]
    for aliases, files in lexers:
        if f"*.{language.lower()}" in files:
            return str(aliases[0])
    names = [alias for aliases, _ in lexers for alias in aliases]
    return next(iter(get_close_matches(language.lower(), names, n=1)), "")
