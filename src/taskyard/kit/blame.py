"""Where in a learner's files the fault is that a log tells of, and what its words mean."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
_LIBRARY = re.compile(r"site-packages|python3(\.\d+)?")

_MEANINGS = {
    "'DisabledBackend' object": "`AsyncResult(id)` knows no result backend, because it knows no "
    "app: write `app.AsyncResult(id)`",
}


def place_in(log: str, folder: Path) -> str:
    """
    Return the last line of the learner's own files that a traceback names, such as `tasks.py:12`.

    A container has the files under another path: the longest end of the path that exists in the
    folder counts.

    Returns:
        The file, relative to the folder, and the line; empty where no frame lies in the folder.
    """
    for path, line in reversed(_FRAME.findall(log)):
        parts = PurePosixPath(path).parts
        if any(map(_LIBRARY.fullmatch, parts)):
            continue
        for start in range(len(parts)):
            own = PurePosixPath(*parts[start:])
            if not own.is_absolute() and (folder / own).is_file():
                return f"{own}:{line}"
    return ""


def missing_from(folder: Path, lab: Path) -> str:
    """Say which of a lab's files are not in the learner's folder, and what brings them back."""
    starter = lab / "starter"
    files = (path.relative_to(starter) for path in starter.rglob("*") if path.is_file())
    gone = sorted(
        f"`{file}`"
        for file in files
        if "__pycache__" not in file.parts and not (folder / file).exists()
    )
    if not gone:
        return ""
    is_or_are = "is" if len(gone) == 1 else "are"
    cure = f"`make reset-{int(lab.name[:2])}` brings the starter back"
    return f"{', '.join(gone)} {is_or_are} missing; {cure}"


def meaning_of(text: str) -> str:
    """Explain words of a library that do not say what to do; empty where there is nothing to."""
    return next((meaning for words, meaning in _MEANINGS.items() if words in text), "")
