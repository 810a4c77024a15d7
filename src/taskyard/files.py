"""Where the course stands, and how a file is written so that nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository: found from the package's own place, so that no working directory matters."""


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file so that a crash at any moment leaves the old content or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.chmod(mode)
    new.replace(path)


def free_name(path: Path, suffix: str = "") -> Path:
    """Return `path.1`, `path.2`, …: the first that nothing has."""
    number = 1
    while os.path.lexists(kept := path.with_name(f"{path.name}.{number}{suffix}")):
        number += 1
    return kept
