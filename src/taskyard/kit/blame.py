"""Trace an error in a log to a line of the learner's files, and explain its words."""

from __future__ import annotations

import builtins
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from taskyard.errors import Fault

_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
_LIBRARY = re.compile(r"site-packages|python3(\.\d+)?")

_ERROR = re.compile(r"(\w+)(?:: .*)?")
_SLIPS = {
    name
    for name, one in vars(builtins).items()
    if isinstance(one, type) and issubclass(one, Exception) and not issubclass(one, OSError)
}

_MEANINGS = {
    "'DisabledBackend' object": "`AsyncResult(id)` knows no result backend, because it knows no "
    "app: write `app.AsyncResult(id)`",
    "The Celery application must be restarted": "no Redis answers at the address of its result "
    "backend: is its host the name of a service in compose.yaml?",
}


def place_in(log: str, folder: Path) -> str:
    """
    Return the last line of the learner's own files in a log's tracebacks, such as `tasks.py:12`.

    In a container the files have other paths, so a path is matched by the longest end of it that
    exists in the folder.

    Returns:
        The file, relative to the folder, and the line; empty if no frame lies in the folder.
    """
    frames = reversed(_FRAME.findall(log))
    return next((f"{own}:{line}" for path, line in frames if (own := _own(path, folder))), "")


def _own(path: str, folder: Path) -> str:
    parts = PurePosixPath(path).parts
    if any(map(_LIBRARY.fullmatch, parts)):
        return ""
    ends = (PurePosixPath(*parts[start:]) for start in range(len(parts)))
    return next(
        (str(end) for end in ends if not end.is_absolute() and (folder / end).is_file()), ""
    )


def slip_in(log: str, folder: Path) -> tuple[str, str]:
    """
    Find the last slip of the learner's in a log: an error of Python's own that they did not raise.

    Returns:
        The place, such as `tasks.py:12`, and the error, such as `KeyError: 1`; both may be empty.
    """
    found, place, is_raised = ("", ""), "", False
    for text in log.splitlines():
        if frame := _FRAME.search(text):
            if own := _own(frame[1], folder):
                place = f"{own}:{frame[2]}"
                is_raised = _line(folder / own, int(frame[2])).startswith("raise")
        elif place and (error := _ERROR.fullmatch(text)) and error[1] in _SLIPS:
            if not is_raised:
                found = (place, text)
            place = ""
    return found


def _line(file: Path, number: int) -> str:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[number - 1].strip() if number <= len(lines) else ""


def at(place: str, fault: Fault, folder: Path) -> Fault:
    """Move a fault to a place in the learner's files, such as `tasks.py:12`, if there is one."""
    file, _, line = place.rpartition(":")
    return replace(fault, path=folder / file, line=int(line)) if file else fault


def located(fault: Fault, log: str, folder: Path) -> Fault:
    """Move a fault to the line of the learner's own files that a log ends at, if there is one."""
    return at(place_in(log, folder), fault, folder)


def missing_from(folder: Path, lab: Path) -> str:
    """Name the starter's files that the learner's folder lacks, and the command that helps."""
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
    """Explain a library's message that gives no cure; return an empty string if it is unknown."""
    return next((meaning for words, meaning in _MEANINGS.items() if words in text), "")
