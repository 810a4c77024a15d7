"""
Record when each note last changed, so that an update changes no other note.

Anki updates a note if its `mod` is newer than the learner's, and overwrites what the learner wrote
in it. So a note's `mod` is the time of its own last change. The course records it in a committed
file; for any other deck, the last package that was built has it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from taskyard.cards import package
from taskyard.cards.entry import Entry, digest
from taskyard.cards.note import Kind
from taskyard.cards.notetype import note_types
from taskyard.errors import TaskyardError

_HINT = "take it back from git: `git checkout -- cards/cards.lock.json`"


@dataclass(frozen=True)
class Stamp:
    """A note's digest at its last change; `mod` is the time of that, in seconds since 1970."""

    kind: Kind
    digest: str
    mod: int


@dataclass(frozen=True)
class Style:
    """A note type at the last change of its style; its schema must never change."""

    digest: str
    mod: int
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """The differences between notes and the lock, as the ids of each group."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    retired: tuple[str, ...]


@dataclass(frozen=True)
class Lock:
    """
    The notes, note types and decks of a release.

    Attributes:
        decks: A chapter's slug to the name of its deck, which never changes, because Anki knows a
            deck by its name.
    """

    notes: Mapping[str, Stamp] = field(default_factory=dict)
    styles: Mapping[Kind, Style] = field(default_factory=dict)
    decks: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Lock:
        """
        Read a lock file; if there is none, return an empty lock.

        Raises:
            TaskyardError: The file cannot be read, or is damaged.
        """
        if not path.exists():
            return cls()
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                {name: Stamp(**stamp) for name, stamp in content["notes"].items()},
                {kind: Style(**style) for kind, style in content["styles"].items()},
                content["decks"],
            )
        except json.JSONDecodeError as error:
            what = f"the lock is not JSON: {error.msg.lower()}"
            raise TaskyardError(what, path=path, line=error.lineno, hint=_HINT) from error
        except (KeyError, TypeError, AttributeError, OSError) as error:
            raise TaskyardError(f"the lock is damaged: {error}", path=path, hint=_HINT) from error

    @classmethod
    def of_package(cls, path: Path) -> Lock:
        """
        Read the notes of a package that Taskyard built; if there is none, return an empty lock.

        Raises:
            TaskyardError: The file is something else, or cannot be read.
        """
        types = {model.model_id: (kind, model) for kind, model in note_types().items()}
        notes = {}
        try:
            for note in package.read(path):
                kind, model = types[note["model"]]
                own = [one["name"] for one in model.fields].index("Id")
                content = digest(kind, tuple(note["fields"]), tuple(note["tags"]))
                notes[note["fields"][own]] = Stamp(kind, content, note["mod"])
        except (FileNotFoundError, NotADirectoryError):
            return cls()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise TaskyardError(
                f"the file in the deck's place cannot be read: {reason}",
                path=path,
                hint="choose another name for the deck: `-o another.apkg`",
            ) from error
        except (ValueError, KeyError, IndexError) as error:
            raise TaskyardError(
                "this file is not a deck of Taskyard, and would be overwritten",
                path=path,
                hint="choose another name for the deck: `-o another.apkg`",
            ) from error
        return cls(notes)

    def with_notes_of(self, other: Lock) -> Lock:
        """Return a lock with this one's note types and the other's notes."""
        return Lock(other.notes, self.styles)

    def write(self, path: Path) -> None:
        """Write the lock file, sorted to keep its diffs small."""
        content = {
            "decks": dict(sorted(self.decks.items())),
            "notes": {name: asdict(stamp) for name, stamp in sorted(self.notes.items())},
            "styles": {kind: asdict(style) for kind, style in self.styles.items()},
        }
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def renewed(self, entries: Iterable[Entry], now: int) -> Lock:
        """Return the lock with `now` as the time of notes that have changed; none is dropped."""
        notes = dict(self.notes)
        for entry in entries:
            old = notes.get(entry.id)
            if not self._has(entry):
                # It is later than what learners have, even if a clock was wrong
                mod = max(now, old.mod + 1) if old else now
                notes[entry.id] = Stamp(entry.kind, entry.digest, mod)
        styles = dict(self.styles)
        for kind, model in note_types().items():
            look = _hash(model.look)
            known = styles.get(kind)
            if known is None or known.digest != look:
                mod = max(now, known.mod + 1) if known else now
                styles[kind] = Style(look, mod, known.schema if known else model.schema)
        return Lock(notes, styles, self.decks)

    def change(self, entries: Sequence[Entry], retired: Iterable[str]) -> Change:
        """Tell which notes an import of these entries would add, change, leave and retire."""
        found = {entry.id: self.notes.get(entry.id) for entry in entries}
        same = {entry.id for entry in entries if self._has(entry)}
        return Change(
            new=tuple(name for name, old in found.items() if old is None),
            changed=tuple(name for name, old in found.items() if old and name not in same),
            unchanged=tuple(name for name in found if name in same),
            retired=tuple(retired),
        )

    def _has(self, entry: Entry) -> bool:
        old = self.notes.get(entry.id)
        return old is not None and old.digest == entry.digest


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:20]
