"""The desk: the learner's own files below `work/`, and the record of what they did."""

from __future__ import annotations

import difflib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from taskyard.course import Course, Lab
from taskyard.errors import TaskyardError
from taskyard.files import free_name, recover, renew, write
from taskyard.learner.progress import Event, Progress, ProgressFile
from taskyard.pages.page import Page


@dataclass(frozen=True)
class Hint:
    """One of a lab's hints: `number`, from 1, of `total`; `text` is Markdown."""

    number: int
    total: int
    summary: str
    text: str


@dataclass(frozen=True)
class _Copied:
    """
    The desk's memory of one copy of a starter.

    Attributes:
        files: Relative path to digest of each file at the time of the copy.
        told: Fingerprint of a newer starter that the learner knows of and has not taken.
        notice: A sentence that the next command with output must show the learner; or empty.
    """

    files: Mapping[str, str]
    told: str = ""
    notice: str = ""


class Desk:
    """
    The folder in which a learner works; nothing that they wrote is ever lost.

    Several commands may use a desk at the same time: they take turns by a lock file.
    """

    def __init__(self, course: Course, folder: Path | None = None) -> None:
        """
        Args:
            folder: None means `$TASKYARD_WORK`, or `work/` in the course.
        """
        named = os.environ.get("TASKYARD_WORK")
        self.course = course
        self.root = (folder or (Path(named) if named else course.root / "work")).absolute()
        self._file = ProgressFile(self.root / "progress.json")

    def folder(self, lab: Lab) -> Path:
        """
        Return the folder of the learner's files for a lab; on first use, copy the starter there.

        If the course's starter has changed since, an unedited copy is renewed and an edited copy
        is left alone; `notices` then returns a sentence about it.

        Raises:
            TaskyardError: The desk cannot be written to, or a file stands in the folder's place.
        """
        place = self._place(lab)
        with self._locked():
            starter = _digests(lab.files("starter"))
            if not os.path.lexists(place):
                self._copy(lab)
                return place
            if not place.is_dir():
                cure = f"move it away: `mv {place} {free_name(place)}`"
                raise TaskyardError("this is not a folder", path=place, hint=cure)
            copied = self._copied(lab)
            if copied is None:
                self._remember(lab, _Copied(starter))
            elif copied.files != starter:
                self._renew(lab, copied, starter)
        return place

    def handed_out(self, lab: Lab) -> Mapping[str, str]:
        """Return the SHA-256 of each file of the starter as the learner got it, by its path."""
        with self._locked():
            copied = self._copied(lab)
        return copied.files if copied else {}

    def notices(self, lab: Lab | None = None) -> list[str]:
        """
        Return sentences that the learner must read, about a lab and the desk; each only once.

        This reads the progress file as well, so that a broken one is reported before a command
        records anything in it.
        """
        if not self.root.exists():
            return []
        with self._locked():
            self._file.load()
            said, self._file.said = self._file.said, []
            copied = self._copied(lab) if lab else None
            if lab and copied and copied.notice:
                said.append(copied.notice)
                self._remember(lab, replace(copied, notice=""))
        return said

    def reset(self, lab: Lab) -> Path | None:
        """
        Put the starter back, after renaming the learner's folder to `SLUG.1`, `SLUG.2`, ….

        Returns:
            The renamed folder; None if there was none, or if it equalled the starter.
        """
        place = self._place(lab)
        with self._locked():
            kept = None
            if os.path.lexists(place):
                if place.is_dir() and _digests(_files(place)) == _digests(lab.files("starter")):
                    return None
                kept = free_name(place)
            self._copy(lab, kept)
        return kept

    def diff(self, lab: Lab) -> str:
        """
        Return the unified diff from the learner's files to the solution; empty if they are equal.

        Files that only the learner has are left out.
        """
        place = self.folder(lab)
        lines: list[str] = []
        with self._locked():
            for relative, source in sorted(lab.files("solution").items()):
                mine = place / relative
                old = mine.read_bytes() if mine.is_file() else None
                if old != (new := source.read_bytes()):
                    lines += _difference(relative, old, new)
        return "\n".join(lines) + "\n" if lines else ""

    def record(self, lab: Lab, event: Event) -> None:
        """Record an event of a lab; it is on the disk when this returns."""
        with self._locked():
            self._file.add(lab.slug, event)

    def progress(self, runs: Callable[[Lab], bool] = lambda _lab: True) -> Progress:
        """
        Return what was done in each chapter, and the next command.

        Args:
            runs: Tells whether a lab can be done on this machine; the next command is for one that
                can.
        """
        if not self._file.path.exists():
            return self._file.summary(self.course, runs)  # without the lock, which makes the folder
        with self._locked():
            return self._file.summary(self.course, runs)

    def next_hint(self, lab: Lab) -> Hint:
        """
        Return the next hint and record it; after the last hint, return that one again.

        Raises:
            TaskyardError: The lab's README has no hints, or they cannot be read.
        """
        hints = Page.read(lab.readme).details("Hints")
        if not hints:
            cure = "add a section `## Hints` with three `<details>` blocks"
            raise TaskyardError(f"lab `{lab.slug}` has no hints", path=lab.readme, hint=cure)
        with self._locked():
            given = self._file.counts(lab.slug)["hint"]
            if given < len(hints):
                self._file.add(lab.slug, "hint")
        place = min(given, len(hints) - 1)
        return Hint(place + 1, len(hints), hints[place].summary, hints[place].text)

    def _place(self, lab: Lab) -> Path:
        return self.root / "labs" / lab.slug

    def _copy(self, lab: Lab, kept: Path | None = None) -> None:
        """
        Copy the starter so that a crash leaves nothing that looks like a complete copy.

        Args:
            kept: The new name of the learner's folder, which is renamed once the copy is complete.
        """
        place = self._place(lab)
        new = place.with_name(f".{lab.slug}.new")
        if new.exists():
            shutil.rmtree(new)  # left by a command that was killed; it holds no learner's file
        lab.assemble("starter", new)
        if kept:
            place.rename(kept)
        new.rename(place)
        self._remember(lab, _Copied(_digests(lab.files("starter"))))

    def _renew(self, lab: Lab, copied: _Copied, starter: Mapping[str, str]) -> None:
        place = self._place(lab)
        names = copied.files.keys() | starter.keys()
        for name in names:
            recover(place / name)
        here = _digests(_files(place))
        # A file that is already the new one is no edit: an earlier renewal may have been killed.
        edited = [
            name
            for name, digest in copied.files.items()
            if here.get(name) not in (digest, starter.get(name))
        ]
        edited += [
            name
            for name, digest in starter.items()
            if name not in copied.files
            and (here.get(name) not in (None, digest) or _is_blocked(place, name))
        ]
        number = lab.number
        if edited or not all(self._renew_file(lab, name, copied, starter) for name in names):
            if copied.told != _fingerprint(starter):
                notice = (
                    f"the starter of lab {number} has changed since you began; your files in "
                    f"`{place}` are left as they are. `make reset-{number}` brings the new "
                    "starter and keeps yours beside it"
                )
                self._remember(lab, _Copied(copied.files, _fingerprint(starter), notice))
            return
        notice = (
            f"the starter of lab {number} has changed; your copy in `{place}`, which you had not "
            "edited, was renewed"
        )
        self._remember(lab, _Copied(starter, notice=notice))

    def _renew_file(self, lab: Lab, name: str, copied: _Copied, starter: Mapping[str, str]) -> bool:
        """Renew one file, unless the learner has saved it since; return whether it was renewed."""
        source = lab.files("starter").get(Path(name))
        known = (copied.files.get(name), starter.get(name))

        def is_known(held: bytes | None) -> bool:
            return (None if held is None else _digest(held)) in known

        executable = source and source.stat().st_mode & 0o100
        content = source.read_bytes() if source else None
        return renew(self._place(lab) / name, is_known, content, 0o755 if executable else 0o644)

    def _memory(self, lab: Lab) -> Path:
        return self.root / ".starters" / f"{lab.slug}.json"

    def _remember(self, lab: Lab, copied: _Copied) -> None:
        write(self._memory(lab), json.dumps(asdict(copied), indent=2).encode() + b"\n")

    def _copied(self, lab: Lab) -> _Copied | None:
        """Return the memory of a copy; None if it is lost, and then all files count as edited."""
        try:
            content = json.loads(self._memory(lab).read_bytes())
            files = {str(name): str(digest) for name, digest in content["files"].items()}
            return _Copied(files, str(content["told"]), str(content["notice"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with usable(self.root):
            (self.root / "labs").mkdir(parents=True, exist_ok=True)
            with (self.root / ".lock").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # held for milliseconds; the kernel frees it
                yield


@contextmanager
def usable(root: Path) -> Iterator[None]:
    """
    Turn any OSError of the block, which works on the desk, into an error with a cure.

    Raises:
        TaskyardError: The desk cannot be read or written.
    """
    try:
        yield
    except OSError as error:
        raise TaskyardError(
            f"your folder `{root.name}/` cannot be used: {(error.strerror or str(error)).lower()}",
            path=Path(error.filename) if error.filename else root,
            hint="make room and see that you may write there, or name another folder: "
            "`export TASKYARD_WORK=~/taskyard-work`",
        ) from error


def _files(folder: Path) -> dict[Path, Path]:
    return {
        path.relative_to(folder): path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _is_blocked(place: Path, name: str) -> bool:
    """Tell whether a folder stands where a file should go, or a file where its folder should."""
    above = [place / parent for parent in Path(name).parents]
    return (place / name).is_dir() or any(path.is_file() for path in above)


def _digests(files: Mapping[Path, Path]) -> dict[str, str]:
    found = {}
    for relative, path in files.items():
        with suppress(FileNotFoundError):  # an editor makes and removes files with each save
            found[relative.as_posix()] = _digest(path.read_bytes())
    return found


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _fingerprint(digests: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(digests), sort_keys=True).encode()).hexdigest()


def _difference(relative: Path, old: bytes | None, new: bytes) -> Iterator[str]:
    source = "/dev/null" if old is None else f"yours/{relative}"
    try:
        before, after = (old or b"").decode(), new.decode()
    except UnicodeDecodeError:
        yield f"Binary files {source} and solution/{relative} differ"
        return
    yield from difflib.unified_diff(
        _lines(before), _lines(after), source, f"solution/{relative}", lineterm=""
    )


def _lines(text: str) -> list[str]:
    """Split into lines; mark a last line without a line end as `diff` does."""
    lines = text.split("\n")
    if lines[-1]:
        lines[-1] += "\n\\ No newline at end of file"
    else:
        lines.pop()
    return lines
