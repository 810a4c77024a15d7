"""Compile a card file: its notes as HTML, cached until something changes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from taskyard import pages
from taskyard.cards import rules
from taskyard.cards.finding import Finding
from taskyard.cards.grammar import read
from taskyard.cards.note import Kind, Label
from taskyard.cards.rendering import Fields, image_name
from taskyard.errors import TaskyardError


@dataclass(frozen=True)
class Rendered:
    """One note as Anki will show it; `sides` maps each label to HTML."""

    id: str
    title: str
    kind: Kind
    sides: Mapping[Label, str]
    tags: Sequence[str]
    proof: str
    source: str
    line: int


@dataclass(frozen=True)
class Deck:
    """
    One compiled file.

    Attributes:
        intro: The deck's description, as HTML.
        retired: Ids of retired notes, to the line that retires them.
        media: The name in the package of each image, to its file.
        findings: Those of the grammar, and of the rules about losses. If one is an error, notes are
            missing from the deck.
    """

    path: Path
    title: str
    intro: str
    notes: tuple[Rendered, ...]
    retired: Mapping[str, int]
    media: Mapping[str, Path]
    findings: tuple[Finding, ...]


def compile_file(path: Path, cache_folder: Path | None = None) -> Deck:
    """
    Read and render a card file.

    Args:
        cache_folder: Receives one file for each card file, which is renewed when the card file, its
            images or this code change.

    Raises:
        TaskyardError: The file cannot be read.
    """
    path = path.resolve()
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise TaskyardError(f"the card file cannot be read: {reason}", path=path) from error
    key = hashlib.sha256(_code() + str(path).encode() + b"\0" + content).hexdigest()
    kept = None
    if cache_folder:
        kept = cache_folder / f"{hashlib.sha256(str(path).encode()).hexdigest()[:20]}.json"
        deck = _kept(kept, key, path)
        if deck:
            return deck
    deck = _compiled(path)
    if kept and not any(finding.level == "error" for finding in deck.findings):
        with suppress(OSError):  # without a cache, the next build is slower and as good
            _keep(kept, key, deck)
    return deck


def _compiled(path: Path) -> Deck:
    file, fields = read(path), Fields(path.parent)
    notes = tuple(
        Rendered(
            id=note.id,
            title=note.title,
            kind=note.kind,
            sides={label: fields.field(side) for label, side in note.sides.items()},
            tags=note.tags,
            proof=note.proof,
            source=note.source,
            line=note.line,
        )
        for note in file.notes
    )
    intro = fields.field(file.intro)
    findings = (*file.findings, *rules.losses(file))
    return Deck(path, file.title, intro, notes, file.retired, fields.media, findings)


@cache
def _code() -> bytes:
    """Return a digest of everything but the card file that decides how it is compiled."""
    rooms = (Path(__file__).parent, Path(pages.__file__).parent)
    code = b"".join(path.read_bytes() for room in rooms for path in sorted(room.rglob("*.py")))
    libraries = [version(name) for name in ("markdown-it-py", "mdit-py-plugins", "Pygments")]
    return hashlib.sha256(code + " ".join(libraries).encode()).digest()


def _keep(kept: Path, key: str, deck: Deck) -> None:
    notes = [list(vars(note).values()) for note in deck.notes]
    content = {"key": key, **vars(deck), "notes": notes}
    content["findings"] = [vars(finding) for finding in deck.findings]
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = kept.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(content, default=str), encoding="utf-8")
    draft.replace(kept)


def _kept(kept: Path, key: str, path: Path) -> Deck | None:
    """Return the deck from the cache; None if its file, its images or this code have changed."""
    try:
        content: dict[str, Any] = json.loads(kept.read_bytes())
        media = {name: Path(file) for name, file in content["media"].items()}
        if content["key"] != key or any(image_name(file) != name for name, file in media.items()):
            return None
    except (OSError, ValueError):
        return None
    return Deck(
        path=path,
        title=content["title"],
        intro=content["intro"],
        notes=tuple(Rendered(*note) for note in content["notes"]),
        retired=content["retired"],
        media=media,
        findings=tuple(Finding(**one | {"path": path}) for one in content["findings"]),
    )
