"""One note with all of its fields, and when it last changed: what a package holds."""

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
        deck: The name of its deck, levels parted by `::`.
        fields: HTML, in the order of the note type.
        tags: As they are written.
        root: The tag that the others stand below in Anki; empty where they stand as written.
    """

    id: str
    kind: Kind
    deck: str
    fields: tuple[str, ...]
    tags: tuple[str, ...]
    root: str = ""

    @property
    def guid(self) -> str:
        """What Anki knows the note by; its wording, its place and its file do not matter."""
        return str(genanki.guid_for("taskyard", self.id))

    @property
    def tags_in_anki(self) -> list[str]:
        """The tags with the root above them, sorted: another deck may have a tag `list` too."""
        below = f"{self.root}::" if self.root else ""
        return sorted(
            {tag if tag == self.root or tag.startswith(below) else below + tag for tag in self.tags}
        )

    @cached_property
    def digest(self) -> str:
        """
        A digest of what the learner has; a note has changed when its digest has.

        The root is no part of it. Anki takes over all of a note or nothing, the learner's own tags
        included, and nobody should lose those for a longer name of ours.
        """
        return digest(self.kind, self.fields, self.tags)


def digest(kind: Kind, fields: tuple[str, ...], tags: tuple[str, ...]) -> str:
    """Return 20 hexadecimal digits that stand for the content of a note."""
    content = "\x1f".join((kind, *fields, *sorted(tags)))  # Anki's own separator of fields
    return hashlib.sha256(content.encode()).hexdigest()[:20]
