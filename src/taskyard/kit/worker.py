"""Tell which of Celery's programs a service starts, in whatever way."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from taskyard.compose.model import Service

_WITH_VALUE = frozenset(
    ("-A", "--app", "-b", "--broker", "--result-backend", "--loader", "--config", "--workdir")
)
"""Options with a value that may precede the subcommand. Source: `celery --help`."""

_BANNER = re.compile(r"^ *-+ \S+@\S+ v\d+\.", re.MULTILINE)


def programs(service: Service, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """
    Find what a service's command has Celery run.

    The command may call Celery itself, or through a shell or a script.

    Args:
        folder: Where the scripts lie that the command may name.

    Yields:
        The subcommand, such as `worker` or `beat`, and all words that follow `celery`.
    """
    words = [*_words(service.entrypoint), *_words(service.command)]
    for word in list(words):
        script = folder / word.lstrip("/")
        if script.suffix == ".sh" and script.is_file():
            words += shlex.split(script.read_text(encoding="utf-8"), comments=True)
    for place, word in enumerate(words):
        following = words[place + 1 :]
        if PurePosixPath(word).name == "celery" and (name := _subcommand(following)):
            yield name, following


def subcommand(service: Service, folder: Path) -> str:
    """Return a service's first Celery subcommand; `worker` among several, empty without any."""
    found = [name for name, _ in programs(service, folder)]
    return "worker" if "worker" in found else next(iter(found), "")


def says_worker(log: str) -> bool:
    """Tell whether a log holds the banner of a worker, such as `celery@worker-1 v5.6.0`."""
    return _BANNER.search(log) is not None


def _words(command: Sequence[str] | None) -> list[str]:
    """Return the words of a command, splitting those that are a command line for a shell."""
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
