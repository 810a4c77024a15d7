"""Turn card files into packages, for the course and for any other files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from taskyard.cards import package
from taskyard.cards.deck import Deck, Rendered, compile_file
from taskyard.cards.entry import Entry
from taskyard.cards.finding import Finding, FindingsError
from taskyard.cards.lock import Change, Lock
from taskyard.cards.note import Kind, Label
from taskyard.cards.notetype import note_types
from taskyard.cards.proof import kind_of
from taskyard.course import Chapter, Course
from taskyard.errors import Fault, TaskyardError

NAME = "Taskyard"
_ROOT = NAME.lower()
_RETIRED = (
    "This card is retired: its deck no longer asks it. "
    "Search for <code>tag:retired</code> in Anki's browser and delete what you find."
)
_FIELDS = {kind: [one["name"] for one in model.fields] for kind, model in note_types().items()}


@dataclass(frozen=True)
class Part:
    """
    The notes of one card file.

    Attributes:
        slug: The chapter's slug; empty outside the course.
        name: The deck's name in Anki.
        tombstones: The notes that replace retired ones.
    """

    deck: Deck
    slug: str
    name: str
    entries: tuple[Entry, ...]
    tombstones: tuple[Entry, ...]

    @property
    def all(self) -> tuple[Entry, ...]:
        return (*self.entries, *self.tombstones)


def parts_of_course(course: Course, lock: Lock, cache: Path | None = None) -> list[Part]:
    """
    Compile the course's card files.

    Raises:
        FindingsError: They have errors, or share an id.
    """
    found = [
        (chapter, compile_file(chapter.cards, cache))
        for chapter in course.chapters
        if chapter.cards
    ]
    _refuse(deck for _, deck in found)
    parts = []
    for chapter, deck in found:
        name = lock.decks.get(chapter.slug) or f"{NAME}::{chapter.number:02} {chapter.title}"
        tags = (_ROOT, f"{_ROOT}::{chapter.slug}")
        entries = tuple(
            replace(_entry(note, name, _lesson(chapter, note), tags), root=_ROOT)
            for note in deck.notes
        )
        parts.append(Part(deck, chapter.slug, name, entries, _tombstones(deck, name, lock)))
    return parts


def parts_of_files(paths: Iterable[Path], lock: Lock, cache: Path | None = None) -> list[Part]:
    """
    Compile any card files; the title of each is the name of its deck.

    Raises:
        FindingsError: They have errors, or share an id.
    """
    decks = [compile_file(path, cache) for path in paths]
    _refuse(decks)
    return [
        Part(
            deck,
            "",
            deck.title,
            tuple(_entry(note, deck.title, _source(note.source), ()) for note in deck.notes),
            _tombstones(deck, deck.title, lock),
        )
        for deck in decks
    ]


def build(parts: Sequence[Part], out: Path, lock: Lock) -> None:
    """
    Write some parts as one package.

    Args:
        lock: Tells when each note and each note type last changed.
    """
    package.write(
        out,
        [*(one for part in parts for one in part.entries), *_buried(parts)],
        {name: stamp.mod for name, stamp in lock.notes.items()},
        {kind: style.mod for kind, style in lock.styles.items()},
        {part.name: part.deck.intro for part in parts},
        {name: path for part in parts for name, path in part.deck.media.items()},
    )


def change(parts: Sequence[Part], lock: Lock) -> Change:
    """Tell what an import would change for a learner who has the release that the lock records."""
    entries = [one for part in parts for one in part.entries]
    return lock.change(entries, [one.id for one in _buried(parts)])


def locked(parts: Sequence[Part], lock: Lock, now: int) -> Lock:
    """
    Return the lock of the next release.

    Raises:
        TaskyardError: An update would not reach the learners, because a note is gone without being
            retired, a note has another kind, or a note type has other fields.
    """
    faults = [*gone(parts, lock), *incompatible(parts, lock)]
    for kind, model in note_types().items():
        style = lock.styles.get(kind)
        if style and style.schema != model.schema:
            what = f"the note type `{model.name}` has other fields or templates than before"
            cure = "take them back: with others Anki updates no note; use a spare field"
            faults.append(Fault(what, hint=cure))
    if faults:
        raise TaskyardError.of(faults)
    names = {part.slug: part.name for part in parts}
    return replace(
        lock.renewed((one for part in parts for one in part.all), now),
        decks={**lock.decks, **names},
    )


def gone(parts: Sequence[Part], lock: Lock) -> Iterator[Fault]:
    """Yield a fault for each note in the lock that no file has, because Anki would keep it."""
    here = {one.id for part in parts for one in part.all}
    for name in lock.notes:
        if name not in here:
            what = f"the note `{name}` is gone, but Anki removes no note that a learner has"
            cure = f"write `<!-- retired: {name} -->` into the file, or give the card its id back"
            yield Fault(what, hint=cure)


def incompatible(parts: Sequence[Part], lock: Lock) -> Iterator[Fault]:
    """Yield a fault for each note of another kind than in the lock."""
    for part in parts:
        lines = {note.id: note.line for note in part.deck.notes}
        for entry in part.entries:
            old = lock.notes.get(entry.id)
            if old and old.kind != entry.kind:
                what = f"the note `{entry.id}` was of the kind `{old.kind}`"
                cure = f"give it a new id, and write `<!-- retired: {entry.id} -->`"
                yield Fault(what, part.deck.path, lines[entry.id], cure)


def _refuse(decks: Iterable[Deck]) -> None:
    """Raise a FindingsError if there are errors, or if two files share an id."""
    errors: list[Finding] = []
    first: dict[str, tuple[Path, int]] = {}
    for deck in decks:
        errors += [finding for finding in deck.findings if finding.level == "error"]
        for note in deck.notes:
            path, line = first.setdefault(note.id, (deck.path, note.line))
            if path != deck.path:
                what = f"the id `{note.id}` is taken by the card in {path.name}:{line}"
                cure = f"give this card another id: `<!-- id: {note.id}-2 -->`"
                errors.append(Finding("duplicate-id", "error", what, deck.path, note.line, 1, cure))
    if errors:
        raise FindingsError(errors)


def _entry(note: Rendered, deck: str, footer: str, tags: tuple[str, ...]) -> Entry:
    return Entry(
        id=note.id,
        kind=note.kind,
        deck=deck,
        fields=_fields(note.kind, note.sides, footer, note.id),
        tags=tuple(dict.fromkeys((*tags, *note.tags))),
    )


def _fields(kind: Kind, sides: Mapping[Label, str], footer: str, own: str) -> tuple[str, ...]:
    """Return the fields in the order of the note type; spare ones are empty."""
    filled: dict[str, str] = {label: html for label, html in sides.items()}  # noqa: C416
    filled |= {"Text": sides.get("Cloze", ""), "Footer": footer, "Id": own}
    return tuple(filled.get(name, "") for name in _FIELDS[kind])


def _lesson(chapter: Chapter, note: Rendered) -> str:
    """Return the footer: the chapter, the command of its lab, and the kind of the card's proof."""
    said = [f"{chapter.number:02} · {escape(chapter.title, quote=False)}"]
    if chapter.lab:
        said.append(f"<code>make lab-{chapter.number}</code>")
    if note.proof:
        said.append(f"proof: {kind_of(note.proof)}")
    if note.source:
        said.append(_source(note.source))
    return " · ".join(said)


def _source(source: str) -> str:
    if source.startswith(("https://", "http://")):
        host = source.partition("//")[2].partition("/")[0]
        return f'<a href="{escape(source)}">{escape(host)}</a>'
    return escape(source, quote=False)


def _tombstones(deck: Deck, name: str, lock: Lock) -> tuple[Entry, ...]:
    """
    Return the notes that replace retired ones.

    A learner who has the card sees it change where it is; new learners get it in a separate deck.
    """
    found = []
    for own in deck.retired:
        stamp = lock.notes.get(own)
        if stamp is None:
            continue  # it was never released
        sides: dict[Label, str] = {"Front": "(retired)", "Back": _RETIRED}
        if stamp.kind == "cloze":
            sides = {"Cloze": f"{{{{c1::(retired)}}}} {_RETIRED}"}
        root = name.partition("::")[0]
        fields = _fields(stamp.kind, sides, "", own)
        found.append(Entry(own, stamp.kind, f"{root}::Retired", fields, ("retired",)))
    return tuple(found)


def _buried(parts: Sequence[Part]) -> list[Entry]:
    return [one for part in parts for one in part.tombstones]
