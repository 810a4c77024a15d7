"""Which services start a Celery worker, however they start it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from taskyard.compose.model import Service

_WITH_VALUE = frozenset(
    ("-A", "--app", "-b", "--broker", "--result-backend", "--loader", "--config", "--workdir")
)
"""Source: `celery --help`, the options that stand before the subcommand."""

_BANNER = re.compile(r"^ *-+ \S+@\S+ v\d+\.", re.MULTILINE)


def subcommand(service: Service, folder: Path) -> str:
    """
    Return what a service runs of Celery: `worker`, `beat`, …; empty where no command tells.

    Celery may stand in the command itself, in a shell, or in a script of the folder.
    """
    words = [*_words(service.entrypoint), *_words(service.command)]
    for word in list(words):
        script = folder / word.lstrip("/")
        if script.suffix == ".sh" and script.is_file():
            words += shlex.split(script.read_text(encoding="utf-8"), comments=True)
    found = [
        _subcommand(words[place + 1 :])
        for place, word in enumerate(words)
        if PurePosixPath(word).name == "celery"
    ]
    return "worker" if "worker" in found else next(filter(None, found), "")


def says_worker(log: str) -> bool:
    """Tell whether a log holds what a worker greets with, such as `celery@worker-1 v5.6.0`."""
    return _BANNER.search(log) is not None


def _words(command: Sequence[str] | None) -> list[str]:
    """Return a command's words, and those of a command line that a shell is given as one word."""
    found: list[str] = []
    for word in command or ():
        found += shlex.split(word, comments=True) if " " in word and "'" not in word else [word]
    return found


def _subcommand(words: Sequence[str]) -> str:
    is_value = False
    for word in words:
        if not (is_value or word.startswith("-")):
            return word
        is_value = not is_value and word in _WITH_VALUE
    return ""
