"""Make a new chapter from the templates: its text, lab and cards, under the next number."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import count
from pathlib import Path

from taskyard.course import Course, names
from taskyard.errors import Fault, TaskyardError

_SLUG = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
_SOURCES = ("chapters/_template.md", "labs/_template", "cards/_template.md")


def create(course: Course, slug: str) -> list[Path]:
    """
    Copy the templates for a new chapter and fill in its number, slug and title.

    Returns:
        The new files, sorted. If anything is wrong, no file is written.

    Raises:
        TaskyardError: The name is not a slug or is taken, a template is missing, the course has 99
            chapters, or the disk refuses.
    """
    faults = [*_bad_name(course, slug), *_missing(course.root)]
    number = max((chapter.number for chapter in course.chapters), default=0) + 1
    if number > 99:
        cure = "merge two chapters, or renumber: a gap below 99 can be used with `git mv`"
        faults.append(Fault("number 99 is taken, and a number has two digits", hint=cure))
    if faults:
        raise TaskyardError.of(faults)
    name = f"{number:02}-{slug}"
    values = {
        "{{NN}}": f"{number:02}",
        "{{N}}": str(number),
        "{{slug}}": slug,
        "{{title}}": names.words(slug),
    }
    new: dict[Path, tuple[bytes, int]] = {}
    for source in _SOURCES:
        origin = course.root / source
        target = origin.with_name(origin.name.replace("_template", name))
        for path in sorted(origin.rglob("*")) if origin.is_dir() else [origin]:
            if path.is_file() and "__pycache__" not in path.parts:
                content = _filled(path, values)
                new[target / path.relative_to(origin)] = (content, path.stat().st_mode & 0o777)
    taken = [
        Fault("this exists already", path, hint="move it away")
        for path in new
        if os.path.lexists(path)
    ]
    if taken:
        raise TaskyardError.of(taken)
    _write(new)
    return sorted(new)


def _bad_name(course: Course, slug: str) -> list[Fault]:
    if not _SLUG.match(slug):
        plain = re.sub(r"[^a-z0-9]+", "-", slug.lower()).strip("-")
        plain = re.sub(r"^[0-9-]+", "", plain)
        cure = f"`make new name={plain or 'work-queues'}`"
        if not slug:
            return [Fault("the chapter has no name", hint=cure)]
        what = f"`{slug}` cannot name a chapter: use a-z, 0-9 and single hyphens, a letter first"
        if re.match(r"^\d\d?-", slug):
            what = f"`{slug}` begins with a number, but the next number is added for you"
        return [Fault(what, hint=cure)]
    taken = {chapter.slug: chapter for chapter in course.chapters}
    if slug not in taken:
        return []
    free = next(name for place in count(2) if (name := f"{slug}-{place}") not in taken)
    cure = f"edit that one, or choose another name: `make new name={free}`"
    return [Fault(f"there is a chapter `{slug}` already", taken[slug].path, hint=cure)]


def _missing(root: Path) -> list[Fault]:
    return [
        Fault("this template is missing", root / source, hint=f"`git checkout -- {source}`")
        for source in _SOURCES
        if not (root / source).exists()
    ]


def _filled(path: Path, values: dict[str, str]) -> bytes:
    text = path.read_text(encoding="utf-8")
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text.encode()


def _write(new: dict[Path, tuple[bytes, int]]) -> None:
    """Write all files or none."""
    files: list[Path] = []
    folders: list[Path] = []
    try:
        for path, (content, mode) in new.items():
            for folder in reversed(path.parents):
                if not folder.exists():
                    folder.mkdir()
                    folders.append(folder)
            files.append(path)
            path.write_bytes(content)
            path.chmod(mode)
    except OSError as error:
        with suppress(OSError):  # the last file may not have been made
            for path in files:
                path.unlink()
        for folder in reversed(folders):
            folder.rmdir()
        raise TaskyardError(
            f"the chapter cannot be written: {(error.strerror or str(error)).lower()}",
            path=Path(error.filename) if error.filename else None,
            hint="see that you may write there and that there is room; nothing was left behind",
        ) from error
