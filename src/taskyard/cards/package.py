"""
Write and read Anki's packages; the same notes always make the same file.

genanki's own `write_to_file` leaves its database behind, stores it uncompressed, stamps every note
with the time of the build, and dates the members of the archive. So here genanki writes into a
database in memory, and the archive is made from that.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
import sqlite3
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

import genanki

from taskyard.cards.entry import Entry
from taskyard.cards.note import Kind
from taskyard.cards.notetype import NoteType, note_types
from taskyard.errors import TaskyardError

_FIRST_MS = 1_700_000_000_000
"""The smallest id of a note or a deck. Anki reads it as a time, which must not be in the future."""

_SQLITE_VERSION = 3_040_000
"""The version of SQLite in the header. Nobody reads it, and it would differ between Pythons."""

_DRAFT = ".taskyard-deck-"
"""The beginning of the name of a deck that is being written."""


class _Note(genanki.Note):  # type: ignore[misc] # genanki has no types
    """A note with the time of its last change and a fixed id, whose cards get the following ids."""

    def __init__(self, entry: Entry, model: NoteType, mod: int, number: int, due: int) -> None:
        super().__init__(model, list(entry.fields), tags=entry.tags_in_anki, guid=entry.guid)
        self.mod, self.number, self.due = mod, number, due

    def _check_invalid_html_tags_in_fields(self) -> None:
        """Skip genanki's search for unescaped text, which is slow; all text here is escaped."""

    def write_to_db(
        self, cursor: sqlite3.Cursor, timestamp: float, deck_id: int, id_gen: Iterator[int]
    ) -> None:
        super().write_to_db(cursor, self.mod, deck_id, itertools.count(self.number))


def write(
    out: Path,
    entries: Sequence[Entry],
    mods: Mapping[str, int],
    styles: Mapping[Kind, int],
    descriptions: Mapping[str, str],
    media: Mapping[str, Path],
) -> None:
    """
    Write a package.

    Args:
        entries: The notes, in the order in which a learner meets them.
        mods: A note's id to the time of its last change, in seconds since 1970.
        styles: A note type's kind to the time of its last change, in seconds since 1970.
        descriptions: A deck's name to its description, as HTML.
        media: The name in the package of each image, to its file.

    Raises:
        TaskyardError: The file cannot be written.
    """
    types = note_types(styles)
    decks: dict[str, genanki.Deck] = {}
    for due, entry in enumerate(entries, 1):
        number = _deck_id(entry.deck) + due * 100  # ascending, so that the ids compress well
        if entry.deck not in decks:
            description = descriptions.get(entry.deck, "")
            decks[entry.deck] = genanki.Deck(_deck_id(entry.deck), entry.deck, description)
        decks[entry.deck].add_note(_Note(entry, types[entry.kind], mods[entry.id], number, due))
    _replace(out, _archive(_database(list(decks.values())), media))


@cache
def _deck_id(name: str) -> int:
    """Return an id for a deck, made from its name, by which Anki matches decks."""
    return _FIRST_MS + int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def _database(decks: Sequence[genanki.Deck]) -> bytes:
    connection = sqlite3.connect(":memory:")
    try:
        package = genanki.Package(list(decks))
        package.write_to_db(connection.cursor(), 0, iter(()))
        connection.commit()
        database = bytearray(connection.serialize())
    finally:
        connection.close()
    struct.pack_into(">I", database, 96, _SQLITE_VERSION)
    return bytes(database)


def _archive(database: bytes, media: Mapping[str, Path]) -> bytes:
    names = sorted(media)
    members: dict[str, bytes] = {
        "collection.anki2": database,
        "media": json.dumps(dict(enumerate(names))).encode(),
        **{str(number): media[name].read_bytes() for number, name in enumerate(names)},
    }
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.create_system = 3
            member.external_attr = 0o644 << 16
            archive.writestr(member, data, zipfile.ZIP_DEFLATED, 9)
    return content.getvalue()


def _replace(out: Path, content: bytes) -> None:
    """Write the file completely or not at all."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _remove_drafts(out.parent)
        with _draft(out.parent) as draft:
            try:
                draft.write(content)
                draft.flush()
                Path(draft.name).chmod(0o666 & ~_umask())
                Path(draft.name).replace(out)
            except BaseException:
                Path(draft.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise TaskyardError(
            f"the deck cannot be written: {reason}",
            path=out,
            hint="choose a folder that you may write to, with space left on its disk",
        ) from error


def _draft(folder: Path) -> IO[bytes]:
    """Make a file for a draft, locked until it is closed or its process ends, however it ends."""
    while True:
        draft = NamedTemporaryFile(dir=folder, prefix=_DRAFT, delete=False)  # noqa: SIM115
        with suppress(OSError):  # a file system without locks, where no draft is removed either
            fcntl.flock(draft, fcntl.LOCK_EX)
        if os.fstat(draft.fileno()).st_nlink:
            return draft
        draft.close()  # another build took it for one of a killed build, before it was locked


def _remove_drafts(folder: Path) -> None:
    """Remove the drafts that killed builds have left in a folder, which nobody locks any more."""
    for path in folder.glob(f"{_DRAFT}*"):
        with suppress(OSError), path.open("rb") as draft:
            fcntl.flock(draft, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read(path: Path) -> Iterator[dict[str, Any]]:
    """
    Yield the notes of a package, each with the keys `model`, `mod`, `tags` and `fields`.

    Raises:
        ValueError: The file is not a package, or not one that `write` could have made.
        OSError: The file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            database = archive.read("collection.anki2")
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(str(error)) from error
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(database)
        for model, mod, tags, fields in connection.execute(
            "SELECT mid, mod, tags, flds FROM notes"
        ):
            yield {"model": model, "mod": mod, "tags": tags.split(), "fields": fields.split("\x1f")}
    except sqlite3.Error as error:
        raise ValueError(str(error)) from error
    finally:
        connection.close()
