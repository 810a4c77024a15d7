"""Where the course stands, and how a file is written so that nothing is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository: found from the package's own place, so that no working directory matters."""


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file so that a crash at any moment leaves the old content or the new one."""
    _written(path, content, mode).replace(path)


def renew(
    path: Path, is_known: Callable[[bytes | None], bool], content: bytes | None, mode: int = 0o644
) -> bool:
    """
    Replace a file, unless somebody else has written it; what they save at any moment is kept.

    The file is moved aside before it is looked at, so nothing can change between the look and
    the replacement. `recover` puts back what a crash has left aside.

    Args:
        is_known: Whether what the file holds may go; asked with None where there is no file.
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
    """Put a file back that `renew` had moved aside when it was killed."""
    aside = _aside(path)
    if aside.exists() and not _move_if_free(aside, path):
        aside.rename(free_name(path))


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.aside")


def _written(path: Path, content: bytes, mode: int) -> Path:
    """Write the content beside a path, and have it on the disk before returning."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.chmod(mode)
    return new


def _move_if_free(source: Path, path: Path) -> bool:
    """Give a file a name that nothing has; at once, where there are hard links."""
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
    """Return `path.1`, `path.2`, …: the first that nothing has."""
    number = 1
    while os.path.lexists(kept := path.with_name(f"{path.name}.{number}{suffix}")):
        number += 1
    return kept
