"""The names in the course: everything that belongs to a chapter is called `NN-slug`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from taskyard.errors import Fault

SLUG = re.compile(r"^\d{2}-[a-z0-9-]+$")

_CURE = (
    "name it by number and slug, such as `07-work-queues`; a name that starts with `_` is skipped"
)


def entries(folder: Path) -> Iterator[Path]:
    """Yield the entries of a folder, sorted, except those whose name begins with `.` or `_`."""
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.name[0] not in "._")


def named(
    folder: Path, suffix: str, faults: list[Fault], *, others: bool = False
) -> Iterator[Path]:
    """
    Yield the entries of a folder that are named `NN-slug` plus a suffix.

    Args:
        suffix: Such as `.md`; an empty one stands for folders.
        faults: Receives a fault for each other entry.
        others: Whether entries with another suffix are allowed.
    """
    for path in entries(folder):
        if path.is_dir() if not suffix else path.suffix == suffix and path.is_file():
            if SLUG.match(path.stem if suffix else path.name):
                yield path
                continue
            close = re.sub(r"[^a-z0-9]+", "-", (path.stem if suffix else path.name).lower())
            close = re.sub(r"^(\d)-", r"0\1-", close).strip("-")
            cure = f"did you mean `{close}{suffix}`?" if SLUG.match(close) else _CURE
            faults.append(Fault(f"the name `{path.name}` is not `NN-slug`", path, hint=cure))
        elif not others:
            kind = "a lab's folder" if not suffix else "a chapter"
            what = f"`{path.name}` is not {kind}, and only these lie in `{folder.name}/`"
            cure = f"move it away, or name it `_{path.name}` to have it skipped"
            faults.append(Fault(what, path, hint=cure))


def number(path: Path) -> int:
    """Return the number in a name, which is the place in the course."""
    return int(path.name[:2])


def slug(path: Path) -> str:
    """Return the slug in a name: all but the number and the suffix."""
    return path.name.partition(".")[0][3:]


def words(slug: str) -> str:
    """Return a slug as a title: `work-queues` is `Work queues`."""
    return slug.replace("-", " ").capitalize()


def repeated(chapters: list[Path]) -> Iterator[Fault]:
    """Yield a fault for each number and each slug that two chapters have."""
    for place, path in enumerate(chapters):
        for earlier in chapters[:place]:
            if number(earlier) == number(path):
                what = f"number {number(path):02} is used twice: `{earlier.name}` has it too"
                free = max(number(one) for one in chapters) + 1
                old, new = f"chapters/{path.name}", f"chapters/{free:02}-{slug(path)}.md"
                cure = f"give one of them another number: `git mv {old} {new}`"
                yield Fault(what, path, hint=cure)
            if slug(earlier) == slug(path):
                what = f"slug `{slug(path)}` is used twice: `{earlier.name}` has it too"
                yield Fault(what, path, hint="give one of them another slug, or remove it")


def orphans(kind: str, paths: list[Path], chapters: list[Path]) -> Iterator[Fault]:
    """Yield a fault for each lab, card file or notebook without a chapter of the same name."""
    names = {path.stem: path for path in chapters}
    for path in paths:
        stem = path.name.partition(".")[0]
        if stem in names:
            continue
        folder, suffix = path.parent.name, path.name.removeprefix(stem)
        same = next((name for name in names if name[3:] == slug(path)), None)
        close = get_close_matches(stem, names, n=1)
        if same:
            move = f"git mv {folder}/{path.name} {folder}/{same}{suffix}"
            cure = f"the chapter has another number: `{move}`"
        elif close:
            cure = f"did you mean `{folder}/{close[0]}{suffix}`?"
        else:
            cure = f"add `chapters/{stem}.md`, or remove it"
        yield Fault(f"{kind} `{path.name}` has no chapter", path, hint=cure)
