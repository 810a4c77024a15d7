"""The build context: the files of a folder that a COPY can see, as BuildKit compares them."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """
    One file, folder or link as BuildKit compares it, which is without its time and owner.

    Attributes:
        kind: `file`, `folder` or `link`.
        mode: Its permissions; 0 for a link.
        content: The digest of a file, or the target of a link; empty for a folder.
    """

    kind: str
    mode: int
    content: str = ""


@dataclass(frozen=True)
class Rule:
    """One line of `.dockerignore`; `keeps` is true if it begins with `!`."""

    line: int
    pattern: str
    keeps: bool
    regex: re.Pattern[str]


class Context:
    """
    The files of a folder that `.dockerignore` leaves in the build context.

    Args:
        folder: The folder that `docker build` is given.
        dockerfile: The Dockerfile's name. A `NAME.dockerignore` beside it replaces `.dockerignore`.
    """

    def __init__(self, folder: Path, dockerfile: str = "Dockerfile") -> None:
        self.folder = folder
        own = folder / f"{dockerfile}.dockerignore"
        self.ignore = own if own.is_file() else folder / ".dockerignore"
        text = self.ignore.read_text(encoding="utf-8") if self.ignore.is_file() else ""
        self.rules = tuple(_rules(text))

    def ignored_by(self, path: str) -> Rule | None:
        """Return the rule that excludes a path, if any; of several that match, the last decides."""
        found: Rule | None = None
        parts = path.split("/")
        prefixes = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        for rule in self.rules:
            if any(rule.regex.fullmatch(prefix) for prefix in prefixes):
                found = None if rule.keeps else rule
        return found

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """The entries of the context by their path, which has `/` between its parts."""
        found: dict[str, Entry] = {}
        for path in _walk(self.folder):
            name = path.relative_to(self.folder).as_posix()
            if self.ignored_by(name) is None:
                found[name] = _entry(path)
                for parent in list(Path(name).parents)[:-1]:
                    found.setdefault(parent.as_posix(), _entry(self.folder / parent))
        return dict(sorted(found.items()))

    def select(self, source: str) -> dict[str, Entry]:
        """Return the entries that a COPY source names, and those below them; may be empty."""
        pattern = posixpath.normpath("/" + source).lstrip("/")
        if not pattern:
            return dict(self.entries)
        regex = _regex(pattern, crosses=False)
        found: dict[str, Entry] = {}
        for name in self.entries:
            if regex.fullmatch(name):
                found.update(self._below(name))
        return found or self._below(pattern)

    def _below(self, name: str) -> dict[str, Entry]:
        """Return the entries at and below a path; links in the path itself are followed."""
        real = self._resolve(name)
        inside = (one for one in self.entries if one == real or one.startswith(f"{real}/"))
        return {name + one[len(real) :]: self.entries[one] for one in inside}

    def _resolve(self, name: str) -> str:
        for _ in range(40):  # Linux follows no more links than this
            parts = name.split("/")
            for count in range(1, len(parts) + 1):
                entry = self.entries.get("/".join(parts[:count]))
                if entry is not None and entry.kind == "link":
                    target = posixpath.join("/", *parts[: count - 1], entry.content)
                    joined = posixpath.join(target, *parts[count:])
                    name = posixpath.normpath(joined).lstrip("/")
                    break
            else:
                return name
        return name


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        yield from (Path(root) / name for name in (*folders, *files))


def _entry(path: Path) -> Entry:
    status = path.lstat()
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return Entry("link", 0, str(path.readlink()))
    if stat.S_ISDIR(status.st_mode):
        return Entry("folder", mode)
    return Entry("file", mode, hashlib.sha256(path.read_bytes()).hexdigest())


def _rules(text: str) -> Iterator[Rule]:
    for number, line in enumerate(text.splitlines(), 1):
        pattern = line.strip()
        if not pattern or line.startswith("#"):
            continue
        keeps = pattern.startswith("!")
        cleaned = posixpath.normpath("/" + pattern.removeprefix("!").strip()).lstrip("/")
        # `.` is the context itself, which always exists
        if cleaned:
            yield Rule(number, cleaned, keeps, _regex(cleaned, crosses=True))


def _regex(pattern: str, *, crosses: bool) -> re.Pattern[str]:
    """
    Translate a pattern of Go's `filepath.Match`.

    Args:
        crosses: Whether `**` stands for any number of folders, as in `.dockerignore`.
    """
    parts: list[str] = []
    place = 0
    while place < len(pattern):
        if crosses and pattern.startswith("**/", place):
            parts.append("(?:.*/)?")
            place += 3
        elif crosses and pattern.startswith("**", place):
            parts.append(".*")
            place += 2
        elif pattern[place] == "*":
            parts.append("[^/]*")
            place += 1
        elif pattern[place] == "?":
            parts.append("[^/]")
            place += 1
        elif pattern[place] == "[" and "]" in pattern[place + 1 :]:
            end = pattern.index("]", place + 1)
            parts.append(pattern[place : end + 1])
            place = end + 1
        else:
            step = 1 if pattern[place] == "\\" and place + 1 < len(pattern) else 0
            parts.append(re.escape(pattern[place + step]))
            place += 1 + step
    return re.compile("".join(parts), re.DOTALL)


def changes(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> Iterable[str]:
    """Yield one clause for each entry that differs between two builds."""
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if old is None or new is None:
            yield f"`{name}` is {'gone' if new is None else 'new'}"
        elif old.kind != new.kind:
            yield f"`{name}` is a {new.kind} now and no longer a {old.kind}"
        elif new.kind == "link":
            yield f"the link `{name}` points elsewhere"
        elif old.content != new.content:
            yield f"`{name}` changed"
        else:
            yield f"`{name}` has mode {new.mode:o} and no longer {old.mode:o}"
