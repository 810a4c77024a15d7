"""The course's folder, and ways to write a file that lose nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository, found from this file's path, so that the working directory does not matter."""


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file so that a crash at any moment leaves either the old or the new content."""
    _written(path, content, mode).replace(path)


def renew(
    path: Path, is_known: Callable[[bytes | None], bool], content: bytes | None, mode: int = 0o644
) -> bool:
    """
    Replace a file unless somebody else has changed it, even if they save it at this moment.

    The file is renamed before it is read, so that it cannot change between reading and replacing.
    After a crash, `recover` restores its name.

    Args:
        is_known: Tells whether the file's content, or None if there is no file, may be replaced.
        content: The new content; None removes the file.

    Returns:
        Whether it was replaced.
    """
    new = None if content is None else _written(path, content, mode)
    aside = _aside(path)
    held = None
    try:
        path.rename(aside)
    except FileNotFoundError:
        pass
    else:
        try:
            held = aside.read_bytes()
        except OSError:  # a folder, by now
            aside.rename(path)
            raise
    if is_known(held) and (new is None or _move_if_free(new, path)):
        aside.unlink(missing_ok=True)
        return True
    if new:
        new.unlink(missing_ok=True)
    if held is not None and not _move_if_free(aside, path):
        aside.rename(free_name(path))
    return False


def recover(path: Path) -> None:
    """Restore the name of a file that `renew` had renamed when it was killed."""
    aside = _aside(path)
    if aside.exists() and not _move_if_free(aside, path):
        aside.rename(free_name(path))


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.aside")


def _written(path: Path, content: bytes, mode: int) -> Path:
    """Write content to a file beside a path; it is on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.chmod(mode)
    return new


def _move_if_free(source: Path, path: Path) -> bool:
    """Rename a file unless the new name is taken, in one step if hard links are supported."""
    try:
        os.link(source, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            return False
        source.rename(path)
        return True
    source.unlink()
    return True


def free_name(path: Path, suffix: str = "") -> Path:
    """Return the first of `path.1`, `path.2`, … that does not exist."""
    number = 1
    while os.path.lexists(kept := path.with_name(f"{path.name}.{number}{suffix}")):
        number += 1
    return kept
