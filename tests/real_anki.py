"""A profile of the real Anki: import a package as its user does, study, edit, look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anki import import_export_pb2 as pb
from anki.collection import Collection, ImportAnkiPackageOptions, ImportAnkiPackageRequest
from anki.notes import Note


class Profile:
    """One collection; notes are found by the id that stands in their field `Id`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.collection = Collection(str(folder / "collection.anki2"))

    def take(self, package: Path) -> dict[str, int]:
        """Import with Anki's default choices; count the notes by what became of them."""
        options = ImportAnkiPackageOptions(
            merge_notetypes=False,
            update_notes=pb.IMPORT_ANKI_PACKAGE_UPDATE_CONDITION_IF_NEWER,
            update_notetypes=pb.IMPORT_ANKI_PACKAGE_UPDATE_CONDITION_IF_NEWER,
            with_scheduling=False,
            with_deck_configs=False,
        )
        request = ImportAnkiPackageRequest(package_path=str(package), options=options)
        log = self.collection.import_anki_package(request).log
        self.collection.models._clear_cache()  # Python's own is stale after an import
        return {
            "new": len(log.new),
            "updated": len(log.updated),
            "same": len(log.duplicate),
            "conflicting": len(log.conflicting),
        }

    @property
    def notes(self) -> dict[str, Note]:
        """All notes, by their own ids."""
        found = [self.collection.get_note(nid) for nid in self.collection.find_notes("")]
        return {note["Id"]: note for note in found}

    def study(self, id: str) -> None:
        """Answer the first card of a note with Easy, so that it has an interval and a review."""
        card = self.notes[id].cards()[0]
        card.start_timer()
        states = self.collection._backend.get_scheduling_states(card.id)
        answer = self.collection.sched.build_answer(card=card, states=states, rating=3)
        self.collection.sched.answer_card(answer)

    def learned(self, id: str) -> tuple[Any, ...]:
        """What must outlive an update: the ids, the interval and the reviews of a note."""
        note = self.notes[id]
        card = note.cards()[0]
        reviews = self.collection.db.scalar("select count() from revlog where cid = ?", card.id)
        return (note.id, card.id, card.ivl, card.reps, reviews, card.did)

    def sides(self) -> dict[tuple[str, int], tuple[str, str]]:
        """Return the question and the answer of every card, as Anki renders them."""
        found = {}
        for id, note in self.notes.items():
            for card in note.cards():
                out = card.render_output()
                found[id, card.ord] = (out.question_text, out.answer_text)
        return found


@contextmanager
def profile(folder: Path) -> Iterator[Profile]:
    """Open a new profile, and close it."""
    opened = Profile(folder)
    try:
        yield opened
    finally:
        opened.collection.close()
