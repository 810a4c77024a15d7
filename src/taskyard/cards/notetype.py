"""The three note types: their fields and templates, which have fixed ids, and their one style."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import genanki

from taskyard.cards.note import Kind

STYLE: Final = Path(__file__).with_name("style.css").read_text(encoding="utf-8")

_NAMES: Mapping[Kind, tuple[int, str]] = {
    "basic": (1_795_391_101, "Taskyard Basic"),
    "both": (1_795_391_102, "Taskyard Both ways"),
    "cloze": (1_795_391_103, "Taskyard Cloze"),
}

# The list of fields is frozen, and so are the names of the templates: after a change of either, an
# import would update no note. Anki knows a field by its id, so a spare one can be renamed later.
_BELOW = {"Hint": 3, "Extra": 4, "Footer": 5, "Id": 6, "Spare1": 7, "Spare2": 8, "Spare3": 9}
_FIELDS: Mapping[Kind, Mapping[str, int]] = {
    "basic": {"Front": 1, "Back": 2, **_BELOW},
    "both": {"Front": 1, "Back": 2, **_BELOW},
    "cloze": {"Text": 10, **_BELOW},
}

_FRONT = '<div class="question">{{Front}}</div>'
_BACK = '<div class="question">{{Back}}</div>'
_CLOZE = '<div class="text">{{cloze:Text}}</div>'
_HINT = '{{#Hint}}<details class="hint"><summary>Hint</summary>{{Hint}}</details>{{/Hint}}'
_LINE = '<hr id="answer">'
_END = (
    '{{#Extra}}<div class="extra">{{Extra}}</div>{{/Extra}}',
    '{{#Footer}}<div class="footer">{{Footer}}</div>{{/Footer}}',
)


def _page(*parts: str) -> str:
    return "\n".join(['<div class="note">', *parts, "</div>"])


def _template(number: int, name: str, asked: list[str], told: list[str]) -> dict[str, Any]:
    return {"id": number, "name": name, "qfmt": _page(*asked), "afmt": _page(*told, *_END)}


_QUESTION = _template(
    1, "Question", [_FRONT, _HINT], [_FRONT, _LINE, '<div class="answer">{{Back}}</div>']
)
# Without the hint, which is written for the front and would give the answer away here
_REVERSE = _template(2, "Reverse", [_BACK], [_BACK, _LINE, '<div class="answer">{{Front}}</div>'])
_TEMPLATES: Mapping[Kind, list[dict[str, Any]]] = {
    "basic": [_QUESTION],
    "both": [_QUESTION, _REVERSE],
    "cloze": [_template(3, "Cloze", [_CLOZE, _HINT], [_CLOZE])],
}


class NoteType(genanki.Model):  # type: ignore[misc] # genanki has no types
    """
    A note type with the time of its own last change.

    An import updates a style or a template only if `mod` is newer than at the last import. genanki
    would write the time of the build, and each release would undo a learner's changes to them.

    Attributes:
        mod: In seconds since 1970; required for writing a package.
    """

    def __init__(self, kind: Kind, mod: int | None = None) -> None:
        number, name = _NAMES[kind]
        super().__init__(
            model_id=number,
            name=name,
            fields=[{"name": field, "id": own} for field, own in _FIELDS[kind].items()],
            templates=[dict(template) for template in _TEMPLATES[kind]],  # genanki modifies them
            css=STYLE,
            model_type=genanki.Model.CLOZE if kind == "cloze" else genanki.Model.FRONT_BACK,
        )
        self.mod = mod

    @property
    def schema(self) -> dict[str, Any]:
        """What must not change, or Anki makes a second note type and updates no note."""
        return {
            "id": self.model_id,
            "name": self.name,
            "type": self.model_type,
            "fields": [[field["id"], field["name"]] for field in self.fields],
            "templates": [[template["id"], template["name"]] for template in self.templates],
        }

    @property
    def look(self) -> dict[str, Any]:
        """What may change, with a larger `mod`: the style and both sides of each template."""
        sides = [[template["qfmt"], template["afmt"]] for template in self.templates]
        return {"css": self.css, "templates": sides}

    def to_json(self, timestamp: float, deck_id: int) -> dict[str, Any]:
        """Return the JSON for the package; it does not depend on the deck."""
        if self.mod is None:
            raise ValueError(f"`{self.name}` has no time of its last change; give it `mod`")
        return {**super().to_json(self.mod, deck_id), "did": None}


def note_types(mods: Mapping[Kind, int] | None = None) -> dict[Kind, NoteType]:
    """
    Return the note types of a build.

    Args:
        mods: When each one last changed, in seconds since 1970; required for writing a package.
    """
    return {kind: NoteType(kind, (mods or {}).get(kind)) for kind in _NAMES}
