"""One note with all of its fields, as a package holds it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import genanki

from taskyard.cards.note import Kind


@dataclass(frozen=True)
class Entry:
    """
    One note.

    Attributes:
        deck: The name of its deck, with `::` between levels.
        fields: HTML, in the order of the note type.
        tags: The tags as they are written.
        root: The tag below which Anki gets the others; empty if it gets them as they are written.
    """

    id: str
    kind: Kind
    deck: str
    fields: tuple[str, ...]
    tags: tuple[str, ...]
    root: str = ""

    @property
    def guid(self) -> str:
        """The identity of the note in Anki, which depends on the id alone."""
        return str(genanki.guid_for("taskyard", self.id))

    @property
    def tags_in_anki(self) -> list[str]:
        """The sorted tags below the root, which keeps them apart from a learner's own tags."""
        below = f"{self.root}::" if self.root else ""
        return sorted(
            {tag if tag == self.root or tag.startswith(below) else below + tag for tag in self.tags}
        )

    @cached_property
    def digest(self) -> str:
        """
        A digest of the note's content; a note has changed if its digest has.

        The root is left out. Anki replaces a note as a whole, with the learner's own tags, and they
        should not be lost because the course renames its tags.
        """
        return digest(self.kind, self.fields, self.tags)


def digest(kind: Kind, fields: tuple[str, ...], tags: tuple[str, ...]) -> str:
    """Return a digest of a note's content, of 20 hexadecimal digits."""
    content = "\x1f".join((kind, *fields, *sorted(tags)))  # Anki's own separator of fields
    return hashlib.sha256(content.encode()).hexdigest()[:20]
