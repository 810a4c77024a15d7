"""The look of the cards: what Anki renders from the note types, and how it reads on a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import genanki
import pytest
from anki.collection import Collection, ImportAnkiPackageOptions, ImportAnkiPackageRequest
from contrast import contrast
from pygments.token import STANDARD_TYPES

from taskyard.cards.note import Kind
from taskyard.cards.notetype import STYLE, NoteType, note_types
from taskyard.cards.rendering import highlight
from taskyard.cards.rules.code import MAX_COLUMNS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MOD = 1_700_000_000
KINDS: tuple[Kind, ...] = ("basic", "both", "cloze")
NEEDED = 4.5  # of contrast, for text of any size. Source: WCAG 2.2, success criterion 1.4.3.

CODE = {
    "python": '@app.task\nasync def pay(self, order: int) -> str:\n    """Pay."""\n'
    '    raise self.retry(countdown=2**3) if not order else OSError(f"{order!r}\\n")  # later\n',
    "bash": 'set -eu\nfor i in "$@"; do echo "${i%.py} $HOME" | grep -q \'x\' && exit 1; done\n',
    "console": '$ docker run --rm -it redis:8 redis-cli ping "$HOME" | wc -l\nPONG\n',
    "yaml": '# web\nservices:\n  web: &a\n    image: "redis:8"\n    ports: [1, on]\n    <<: *a\n',
    "json": '{"a": [1, 2.5, true, null, "x\\n"]}\n',
    "dockerfile": '# base\nFROM python:3.13 AS base\nENV A=1\nRUN pip install x && y\nCMD ["y"]\n',
    "toml": '# pins\n[tool.x]\na = "b"\nb = [1, 1.5, true, 1979-05-27]\n',
    "sql": "-- all\nSELECT id, count(*) FROM orders WHERE a >= 1.5 AND b = 'x';\n",
    "text": "PENDING False\n",
    "diff": "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n same\n",
    "pycon": ">>> 1 / 0\nTraceback (most recent call last):\nZeroDivisionError: no\n",
}
# Classes in the colour of the text: names, operators, punctuation, output, what has no meaning.
PLAIN = re.compile(r"|n|ni|nl|nn|no|nx|ne|py|o|p|pm|w|x|dl|esc|g|go|ge|ges|gs|gt|v[cgim]")

LONG = "https://docs.celeryq.dev/" + "a_very_long_name_without_a_space_" * 4
PICTURE = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='2000' height='9'/%3E"
ALL_CODE = "".join(
    f'<pre class="code"><code>{highlight(language, code)}</code></pre>'
    for language, code in {**CODE, "bash": CODE["bash"] + "echo " + "words " * 30}.items()
)
ROW = (
    "<tr>" + "<td><code>worker_prefetch_multiplier</code></td><td>words of text</td>" * 3 + "</tr>"
)
NOTES: list[tuple[Kind, dict[str, str]]] = [
    ("basic", {"Front": "<p>Which?</p>", "Back": "<p>This.</p>"}),
    (
        "basic",
        {
            "Front": f"<p>Which <code>{LONG}</code>?</p>{ALL_CODE}",
            "Back": f'<p><a href="{LONG}">{LONG}</a> <kbd>Ctrl</kbd></p>',
            "Hint": f"<p>Look at <code>{LONG}</code>.</p>{ALL_CODE}",
            "Extra": f"<ol><li>{LONG}</li></ol><blockquote><p>{LONG}</p></blockquote>{ALL_CODE}",
            "Footer": f'01 · <code>make lab-1</code> · <a href="{LONG}">{LONG}</a>',
        },
    ),
    (
        "basic",
        {
            "Front": f"<p>What?</p><table><thead>{ROW.replace('td>', 'th>')}</thead>{ROW}</table>",
            "Back": f'<p><img src="{PICTURE}" alt="wide"></p><ul><li><p>{LONG}</p></li></ul>',
        },
    ),
    ("both", {"Front": "<p>producer</p>", "Back": "<p>It <em>sends</em>.</p>", "Hint": "<p>o</p>"}),
    (
        "cloze",
        {
            "Text": "<p>It waits in {{c1::<code>celery</code>::its name}}, {{c2::"
            + "Straßenbahnhaltestellenhäuschen" * 3
            + "}}.</p>"
            + ALL_CODE,
            "Extra": "<p>Why</p>",
        },
    ),
]


def write(folder: Path, types: dict[Kind, NoteType]) -> Path:
    """Write a package of all notes, each in a deck of its own."""
    decks = []
    for number, (kind, sides) in enumerate(NOTES, 1):
        fields = [sides.get(field["name"], "") for field in types[kind].fields]
        deck = genanki.Deck(1_700_000_000 + number, f"Deck {number}")
        deck.add_note(genanki.Note(types[kind], fields, guid=f"note-{number}"))
        decks.append(deck)
    path = folder / "look.apkg"
    genanki.Package(decks).write_to_file(str(path))
    return path


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """Open a new collection of Anki's own and import the notes."""
    folder = tmp_path_factory.mktemp("anki")
    opened = Collection(str(folder / "collection.anki2"))
    package = write(folder, note_types(dict.fromkeys(KINDS, MOD)))
    opened.import_anki_package(
        ImportAnkiPackageRequest(package_path=str(package), options=ImportAnkiPackageOptions())
    )
    opened.models._clear_cache()  # it still holds what was there before the import
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def sides(collection: Collection) -> dict[str, str]:
    """Render every side of every card, by `number of the note.number of the card side`."""
    rendered = {}
    for found in collection.find_notes(""):
        note = collection.get_note(found)
        for card in note.cards():
            name = f"{note.guid.removeprefix('note-')}.{card.ord + 1}"
            rendered[f"{name} question"] = card.question()
            rendered[f"{name} answer"] = card.answer()
    return rendered


def body(page: str) -> str:
    return page.partition("</style>")[2]


def test_anki_keeps_the_ids_of_fields_and_templates(collection: Collection) -> None:
    """They allow a field to be renamed later."""
    for kind, note_type in note_types().items():
        name = note_type.schema["name"]
        imported = collection.models.by_name(name)
        assert imported is not None, kind
        assert note_type.schema == {
            "id": imported["id"],
            "name": imported["name"],
            "type": imported["type"],
            "fields": [[field["id"], field["name"]] for field in imported["flds"]],
            "templates": [[template["id"], template["name"]] for template in imported["tmpls"]],
        }
        assert imported["mod"] == MOD


def test_a_note_type_is_the_same_in_every_deck() -> None:
    """Two decks share it, and whichever is written last decides nothing."""
    for note_type in note_types(dict.fromkeys(KINDS, MOD)).values():
        assert note_type.to_json(1.0, 1) == note_type.to_json(2.0, 2)
        assert MOD == note_type.to_json(3.0, 3)["mod"]


def test_a_note_type_without_a_time_is_not_written() -> None:
    """The time of the build would undo what learners changed in the style."""
    with pytest.raises(ValueError, match="`Taskyard Cloze` has no time of its last change"):
        note_types()["cloze"].to_json(1.0, 1)


def test_every_kind_has_its_cards(sides: dict[str, str]) -> None:
    """A question has one, both ways have two, and a cloze has one for each number."""
    cards = {name.partition(" ")[0] for name in sides}
    assert {"1.1", "2.1", "3.1", "4.1", "4.2", "5.1", "5.2"} == cards
    assert [] == [name for name, page in sides.items() if "has a problem" in page]


def test_what_is_empty_is_not_there(sides: dict[str, str]) -> None:
    """There is no hint, no line above an extra, and no footer."""
    for part in ("details", "extra", "footer"):
        assert part not in body(sides["1.1 question"]) + body(sides["1.1 answer"])
        assert part in body(sides["2.1 question"]) + body(sides["2.1 answer"])


def test_an_answer_repeats_its_question(sides: dict[str, str]) -> None:
    """Above the line to which Anki scrolls; a cloze answers in its own place."""
    assert re.search(r'Which\?.*<hr id="answer">.*This\.', sides["1.1 answer"], re.DOTALL)
    assert re.search(r'sends.*<hr id="answer">.*producer', sides["4.2 answer"], re.DOTALL)
    assert '<hr id="answer">' not in sides["5.1 answer"]
    assert 'class="cloze" data-ordinal="1"><code>celery</code>' in sides["5.1 answer"]


def test_a_hint_is_on_the_front_alone(sides: dict[str, str]) -> None:
    """The other way round it would name the answer."""
    hinted = [name for name in sides if name[0] == "4" and "<summary>Hint</summary>" in sides[name]]
    assert ["4.1 question"] == hinted


def test_nothing_is_loaded_or_run() -> None:
    """No script, no font, no picture from elsewhere."""
    for note_type in note_types().values():
        look = json.dumps(note_type.look)
        assert [] == re.findall(r"url\(|@import|@font-face|<script|<link|https?:|\bon\w+=", look)


def colours(css: str, selector: str) -> dict[str, str]:
    """Return the variables of the first rule for a selector."""
    rule = re.search(rf"(?:^|\n|, *){re.escape(selector)} \{{(.*?)\}}", css, re.DOTALL)
    assert rule is not None, selector
    return dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6});", rule[1]))


LIGHT, DARK = colours(STYLE, ".card"), colours(STYLE, ".card.night_mode")
GROUNDS = ("ground", "panel", "shade")
INKS = sorted(set(re.findall(r"[ {]color: var\(--([a-z]+)\)", STYLE)))


def test_both_modes_have_the_same_colours() -> None:
    """No rule names a colour of its own, except the white ground of a picture."""
    assert LIGHT.keys() == DARK.keys()
    assert LIGHT.keys() == {*INKS, *GROUNDS, "line"}
    rules = re.sub(r"--[a-z]+: #[0-9a-f]{6};|/\*.*?\*/", "", STYLE, flags=re.DOTALL)
    assert [] == re.findall(r"#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(", rules)
    assert 1 == len(re.findall(r"\bwhite;", rules))


@pytest.mark.parametrize(("mode", "of"), [("light", LIGHT), ("dark", DARK)])
def test_every_colour_of_text_can_be_read_on_every_ground(mode: str, of: dict[str, str]) -> None:
    """With 4.5 to 1 or more, the shaded edge of a box included."""
    found = {pair: contrast(of[pair[0]], of[pair[1]]) for pair in product(INKS, GROUNDS)}
    assert {} == {pair: ratio for pair, ratio in found.items() if ratio < NEEDED}, mode


def covered(name: str) -> bool:
    """Say whether a rule for code colours a class."""
    rules = STYLE[STYLE.index("/* Code in colours") :]
    groups = tuple(re.findall(r'\[class\^="([a-z])"\]', rules))
    return name.startswith(groups) or name in re.findall(r"\.([a-z]+)\b", rules)


def test_every_class_of_pygments_has_its_colour_or_is_plain() -> None:
    """Whatever the language: those of all lexers, and what ours make of the samples."""
    used = set()
    for language, code in CODE.items():
        used |= {
            found.split()[0] for found in re.findall(r'class="(.*?)"', highlight(language, code))
        }
    names = set(STANDARD_TYPES.values())
    assert used <= names
    assert [] == sorted(name for name in names if not covered(name) and not PLAIN.fullmatch(name))
    assert [] == sorted(name for name in names if covered(name) and PLAIN.fullmatch(name))


# Rules of the page around a card that reach into it. Source: reviewer.css and webview.css of Anki.
HOST = """
* { box-sizing: content-box; }
body { margin: 20px; color: #020202; background: #f5f5f5; }
body.nightMode { background-color: #2c2c2c; color: #fcfcfc; }
a { color: #1d4ed8; text-decoration: none; }
"""
MEASURE = Path(__file__).with_name("phone.js").read_text(encoding="utf-8")
MODES = {"light": "card", "dark": "card nightMode", "old dark": "card night_mode"}


@pytest.fixture(scope="module")
def phone(sides: dict[str, str], browser: Browser) -> dict[str, Any]:
    """Measure every side in each mode in a real browser, 360 pixels wide, with open hints."""
    frames = []
    for (name, html), (mode, classes) in product(sides.items(), MODES.items()):
        card = html.replace("<details", "<details open")
        html = (
            f'<!doctype html><meta charset="utf-8"><style>{HOST}</style>'
            f'<body class="{classes} card1"><div id="qa">{card}</div></body>'
        )
        frames.append(
            f'<iframe title="{name}, {mode}" sandbox="allow-same-origin" '
            f'width="360" height="640" srcdoc="{escape(html)}"></iframe>'
        )
    page = browser.new_page()
    page.set_content(
        f"<!doctype html><style>iframe {{ border: 0 }}</style>"
        f"<body>{''.join(frames)}<script>{MEASURE}</script></body>",
        wait_until="load",
    )
    measured: dict[str, Any] = page.evaluate("() => measureAll()")
    page.close()
    assert len(frames) == len(measured)
    return measured


@pytest.mark.browser
def test_no_card_scrolls_sideways_on_a_phone(phone: dict[str, Any]) -> None:
    """Long words and addresses break, pictures shrink."""
    assert {} == {name: one["width"] for name, one in phone.items() if one["width"] > 360}
    assert {} == {name: one["image"] for name, one in phone.items() if one["image"] > 340}


@pytest.mark.browser
def test_wide_code_and_tables_scroll_in_their_own_box(phone: dict[str, Any]) -> None:
    """No part of them is cut off."""
    for mode in MODES:
        assert phone[f"2.1 question, {mode}"]["scrolls"] > 0
        assert 1 == phone[f"3.1 question, {mode}"]["scrolls"]


PLACES = {
    "a side": "{}",
    "a hint": '<details open class="hint"><summary>Hint</summary>{}</details>',
    "an extra": '<div class="extra">{}</div>',
    "a list": "<ol><li>{}</li></ol>",
    "a quotation": "<blockquote>{}</blockquote>",
}
HIDES = """html => {
  document.body.innerHTML = html;
  const box = document.querySelector(".code");
  return box.scrollWidth > box.clientWidth;
}"""


@pytest.mark.browser
def test_the_widest_code_that_the_linter_allows_is_seen_whole_on_a_phone(browser: Browser) -> None:
    """It fits wherever a block may be, and one more column does not fit in the narrowest place."""
    page = browser.new_page(viewport={"width": 360, "height": 640})
    page.set_content(f"<style>{HOST}</style><style>{STYLE}</style><body class='card'>")

    def hides(columns: int, place: str) -> bool:
        code = f'<pre class="code"><code>{"x" * columns}</code></pre>'
        return bool(page.evaluate(HIDES, f'<div class="note">{PLACES[place].format(code)}</div>'))

    assert [] == [place for place in PLACES if hides(MAX_COLUMNS, place)]
    assert [] != [place for place in PLACES if hides(MAX_COLUMNS + 1, place)]


@pytest.mark.browser
def test_text_can_be_read_as_it_is_rendered(phone: dict[str, Any]) -> None:
    """It holds with the colours of the page around a card, in both modes."""
    assert {} == {name: one["faint"] for name, one in phone.items() if one["faint"][0] < NEEDED}


@pytest.mark.browser
def test_a_dark_card_has_the_ground_of_the_style(phone: dict[str, Any]) -> None:
    """Anki's own rule for dark cards does not win."""
    for name, one in phone.items():
        own = (LIGHT if name.endswith("light") else DARK)["ground"]
        parts = [str(int(own[place : place + 2], 16)) for place in (1, 3, 5)]
        assert f"rgb({', '.join(parts)})" == one["ground"], name
