"""
The rules for good cards: what breaks each, and what nearly does.

`faults/NAME.md` is the deck of the rule NAME. A card whose title begins with a level breaks the
rule wherever `▶` stands in it, and the sentence then holds the rest of the title; `▶` is removed
before the file is read. A card whose title begins with `fine:` nearly breaks it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskyard.cards.finding import Finding
from taskyard.cards.grammar import read
from taskyard.cards.rules import examine
from taskyard.cards.rules.likeness import LIKE_TENTHS, alike, bigrams
from taskyard.cards.rules.rule import LOSSES, RULES
from taskyard.cards.rules.text import Sheet, Text

FAULTS = sorted((Path(__file__).parent / "faults").glob("*.md"))
MARK = "▶"
IN_CODE = {"duplicate-id", "only-what-and-which", "unknown-pair"}
"""Rules whose test is a function below, not a file."""


def svg(attributes: str, inside: str = "") -> bytes:
    """Return a small SVG."""
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"<svg {spaces} {attributes}>{inside}</svg>".encode()


def png(width: int, size: int = 0) -> bytes:
    """Return a file that begins like a PNG of that width."""
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, 600)
    return head.ljust(size, b"\0")


BOX = 'viewBox="0 0 400 300"'
LINKED = '<image xlink:href="https://example.com/a.png"/>'
STYLED = '<style>a{fill:url(#b)}</style><use href="#b"/><a href="https://example.com">c</a>'
IMAGES = {
    "broken.png": b"GIF89a",
    "broken.svg": b"<svg",
    "entity.svg": b'<!DOCTYPE svg [<!ENTITY a "b">]>' + svg(BOX),
    "full.png": png(800, 200_000),
    "good.png": png(800),
    "GOOD.PNG": png(800),
    "good.svg": svg(BOX),
    "href.svg": svg(BOX, LINKED),
    "import.svg": svg(BOX, "<style>@import 'font.css';</style>"),
    "large.png": png(800, 200_001),
    "no-box.svg": svg('width="400" height="300"'),
    "onclick.svg": svg(BOX, '<path onclick="alert(1)"/>'),
    "photo.jpg": b"",
    "script.svg": svg(BOX, "<script>alert(1)</script>"),
    "style.svg": svg(BOX, STYLED),
    "wide-box.svg": svg('width="100%" viewBox="0,0,1000,300"'),
    "wide.png": png(801),
    "wide.svg": svg(f'width="900px" {BOX}'),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the cards lie, beside their images."""
    (tmp_path / "images").mkdir()
    for name, content in IMAGES.items():
        (tmp_path / "images" / name).write_bytes(content)
    return tmp_path


def found(folder: Path, text: str, is_course: bool = True) -> list[Finding]:
    """Write, read and examine one file, which the grammar has nothing against."""
    path = folder / "deck.md"
    path.write_text(text, encoding="utf-8")
    file = read(path)
    assert [] == [one for one in file.findings if one.level == "error"]
    return examine([file], is_course)


def expected(text: str) -> Iterator[tuple[str, str, int, int]]:
    """Yield level, words, line and column of each mark."""
    level = words = ""
    for line, content in enumerate(text.split("\n"), 1):
        if content.startswith("## "):
            level, _, words = content.removeprefix("## ").partition(": ")
        place = content.find(MARK)
        if place >= 0:
            yield level, words, line, place + 1


@pytest.mark.parametrize("path", FAULTS, ids=lambda path: path.stem)
def test_a_rule_finds_what_breaks_it_and_nothing_else(folder: Path, path: Path) -> None:
    """Each broken card gives one finding at its mark and of its level, which names the fault."""
    text = path.read_text(encoding="utf-8")
    wanted = list(expected(text))
    said = [one for one in found(folder, text.replace(MARK, "")) if one.level != "notice"]
    assert [(path.stem, level, line, column) for level, _, line, column in wanted] == [
        (one.rule, one.level, one.line, one.column) for one in said
    ]
    for (_, words, _, _), one in zip(wanted, said, strict=True):
        assert words in one.what
        assert one.hint


@pytest.mark.parametrize("path", FAULTS, ids=lambda path: path.stem)
def test_style_is_a_warning_outside_the_course(folder: Path, path: Path) -> None:
    """What would lose content stays an error."""
    text = path.read_text(encoding="utf-8").replace(MARK, "")
    levels = {one.level for one in found(folder, text, is_course=False)}
    assert ({"error"} if path.stem in LOSSES else {"warning"}) == levels


def test_every_rule_has_a_broken_card_and_a_near_miss() -> None:
    """A rule that has never been seen at work is a guess."""
    assert set(RULES) == {path.stem for path in FAULTS} | IN_CODE
    for path in FAULTS:
        titles = [
            line for line in path.read_text(encoding="utf-8").split("\n") if line[:3] == "## "
        ]
        assert {"fine", "broken"} == {
            "fine" if title.startswith("## fine: ") else "broken" for title in titles
        }, path


def test_every_rule_says_what_it_asks_for() -> None:
    """The docstring of a rule is its explanation."""
    assert [] == [name for name, rule in RULES.items() if not rule.__doc__]


GOOD = """# First task

## A message waits
<!-- id: message-waits · tags: celery broker -->
**Front:** Celery with a Redis broker: no worker runs and you call `.delay()`. Where is the message?
**Back:** In the Redis list `celery`.
**Hint:** a key of the broker
**Extra:** The producer pushes it there; a worker pops it.

## Its name
<!-- id: list-name · kind: both · tags: celery -->
**Front:** Celery: producer
**Back:** The program that sends a message to the broker of Celery

## Where it waits
<!-- id: list -->
**Cloze:** A message that no Celery worker has taken waits in the list {{c1::`celery`::its name}}.

## What it prints
<!-- id: print -->
**Front:** What does Celery's `.delay()` give you here?

```python
result = send_email.delay("a@b.c")
print(type(result).__name__)
```

**Back:** `AsyncResult`
"""


def test_a_good_deck_gives_nothing(folder: Path) -> None:
    """There is a note of each kind that no rule objects to."""
    assert [] == found(folder, GOOD)


def test_findings_come_in_the_order_of_the_files_and_their_lines(folder: Path) -> None:
    """An author reads from the top down."""
    card = "## {0}\n<!-- id: {0} -->\n**Front:** Does {0} run?\n**Back:** Simply, it {0} runs.\n"
    names = ("b", "a")
    for name in names:
        text = "# Redis\n" + card.format(f"redis-{name}") + card.format(f"docker-{name}")
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    said = examine([read(folder / f"{name}.md") for name in names], is_course=True)
    places = [(one.path.stem, one.line, one.column) for one in said]
    assert sorted(places) == places
    assert {"a", "b"} == {path for path, _, _ in places}


def test_an_id_of_two_files_is_an_error_that_names_both(folder: Path) -> None:
    """It includes ids that come from titles, and files outside the course."""
    first, second = folder / "01-a.md", folder / "02-b.md"
    first.write_text(
        "# A\n\n## One\n<!-- tags: x · id: wait -->\n**Front:** Redis: how?\n**Back:** So.\n"
        "\n## Card 2: Same name\n**Front:** Celery: why?\n**Back:** For speed.\n",
        encoding="utf-8",
    )
    second.write_text(
        "# B\n\n## Two\n<!-- tags: wait · id: wait -->\n**Front:** Docker: when?\n**Back:** Now.\n"
        "\n## Card 1: Same name\n**Front:** Flower: where?\n**Back:** There.\n",
        encoding="utf-8",
    )
    said = examine([read(first), read(second)], is_course=False)
    assert [("duplicate-id", "error", second, 4, 23), ("duplicate-id", "error", second, 8, 1)] == [
        (one.rule, one.level, one.path, one.line, one.column) for one in said
    ]
    assert "`wait` is taken by the card 01-a.md:3" in said[0].what
    assert "`same-name` is taken by the card 01-a.md:8" in said[1].what


def test_an_id_twice_in_one_file_is_the_business_of_the_grammar(folder: Path) -> None:
    """One fault is reported once."""
    card = "## {0}\n<!-- id: same -->\n**Front:** {0}: what is new?\n**Back:** {1}\n"
    path = folder / "deck.md"
    path.write_text("# D\n" + card.format("Redis", 8) + card.format("Celery", 5), encoding="utf-8")
    assert [] == examine([read(path)], is_course=True)


@pytest.mark.parametrize(
    ("pair", "hint"),
    [("secnd", "did you mean `second`?"), ("first", "name a note"), ("zzz", "name a note")],
)
def test_a_pair_must_be_another_note(folder: Path, pair: str, hint: str) -> None:
    """A wrong name is shown with the one that was meant."""
    text = (
        f"# D\n\n## 1\n<!--\nid: first\npair: {pair}\n-->\n**Front:** Redis: what?\n**Back:** A.\n"
        "\n## 2\n<!-- id: second · pair: first -->\n**Front:** Celery: why?\n**Back:** B.\n"
    )
    (said,) = found(folder, text)
    assert ("unknown-pair", "error", 6, 7) == (said.rule, said.level, said.line, said.column)
    assert f"`pair: {pair}`" in said.what
    assert hint in said.hint


def test_questions_of_two_files_are_compared(folder: Path) -> None:
    """The other is named with its file."""
    for name in ("01-a", "02-b"):
        text = (
            f"# D\n\n## 1\n<!-- id: {name} -->\n**Front:** Redis: what is it?\n**Back:** {name}.\n"
        )
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    (said,) = examine([read(folder / "01-a.md"), read(folder / "02-b.md")], is_course=True)
    assert ("like-question", "02-b.md", 5) == (said.rule, said.path.name, said.line)
    assert "`01-a`, 01-a.md:3" in said.what


def test_a_session_under_the_name_of_a_program_is_told_its_own(folder: Path) -> None:
    """The hint is the cure, and does not advise leaving the code unchecked."""
    text = "# A\n\n## A\n\n**Front:** What is Python?\n**Back:** So:\n\n```python\n>>> 1\n1\n```\n"
    (said,) = found(folder, text)
    assert "a session with prompts is `pycon`" == said.hint


@pytest.mark.parametrize(("others", "is_said"), [(2, True), (3, False)])
def test_a_deck_should_not_ask_what_alone(folder: Path, others: int, is_said: bool) -> None:
    """More than seventy in a hundred are a notice, in the course alone."""
    nouns = ["Redis", "Celery", "Docker", "Flower", "Python", "Valkey", "Compose"]
    fronts = [f"{'What' if place % 2 else 'Which'} {noun}?" for place, noun in enumerate(nouns)]
    fronts += [f"Why Bash {place}?" for place in range(others)]
    cards = [
        f"## {place}\n<!-- id: c{place} -->\n**Front:** {front}\n**Back:** Now.\n"
        for place, front in enumerate(fronts)
    ]
    text = "# Redis Bash\n\n" + "\n".join(cards)
    wanted = [("only-what-and-which", "notice", 1, 1)] if is_said else []
    said = found(folder, text)
    assert wanted == [(one.rule, one.level, one.line, one.column) for one in said]
    assert all(f"7 of {7 + others} fronts" in one.what for one in said)
    assert [] == found(folder, text, is_course=False)


def test_a_file_with_a_mark_at_its_start_has_the_same_places(folder: Path) -> None:
    """Windows begins a file with a byte order mark and ends lines its own way."""
    text = "\ufeff# Redis\r\n\r\n## A\r\n\r\n**Front:** It waits in Redis how?\r\n**Back:** So.\r\n"
    path = folder / "deck.md"
    path.write_bytes(text.encode())
    (said,) = examine([read(path)], is_course=True)
    assert ("no-context", 5, 12) == (said.rule, said.line, said.column)


def test_code_that_nothing_can_parse_here_is_said_to_be_unchecked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Bash there is one notice for each block, which requires nothing."""
    monkeypatch.setenv("PATH", "")
    text = "# Bash\n\n## A\n\n**Front:** What is Bash?\n**Back:** So:\n\n```{}\n$ if\n```\n"
    for language in ("sh", "console"):
        (said,) = found(folder, text.format(language))
        assert ("code-does-not-parse", "notice", 8, 1) == (
            said.rule,
            said.level,
            said.line,
            said.column,
        )
        assert f"this `{language}` was not parsed" in said.what


NASTY = {
    "yaml": [
        "a: !!timestamp x",
        "a: 2026-99-99",
        "[" * 3000,
        "a: !!bool x",
        "? [a]",
        "a: \x85\u2028]",
    ],
    "json": ["[" * 100_000, "'", ""],
    "python": ["-" * 100_000 + "1", "(" * 300, "9" * 5000, "'\\N{x}'"],
    "toml": ["a = " + "[" * 3000, "a = 2026-99-99", "a"],
    "pycon": [">>> (", ">>> 1 +\n... "],
}


@pytest.mark.parametrize(
    ("language", "code"), [(language, code) for language in NASTY for code in NASTY[language]]
)
def test_what_surprises_a_parser_is_a_fault_of_the_block(
    folder: Path, language: str, code: str
) -> None:
    """A parser's own exceptions never escape."""
    text = (
        f"# Python\n\n## A\n\n**Front:** What is it?\n**Back:** So:\n\n```{language}\n{code}\n```\n"
    )
    said = [one for one in found(folder, text) if one.rule == "code-does-not-parse"]
    assert [("error", True)] == [(one.level, one.line in (9, 10)) for one in said]


WORD = st.text("abcdefghij", min_size=1, max_size=6)
PIECE = st.one_of(
    WORD,
    WORD.map(lambda word: f"`{word}`"),
    WORD.map(lambda word: f"**{word}**"),
    WORD.map(lambda word: f"*{word}*"),
    WORD.map(lambda word: f"[{word}](https://example.com/{word})"),
    WORD.map(lambda word: f"![{word}](images/{word}.svg)"),
    WORD.map(lambda word: f"\\*{word}"),
    WORD.map(lambda word: f"&amp; {word}"),
    WORD.map(lambda word: f"<kbd>{word}</kbd>"),
    WORD.map(lambda word: f"{{{{c1::{word}::{word}}}}}"),
    st.sampled_from(["\n", "<br>", "\n\n- item\n\n", "\n\n```text\ncode\n```\n\n"]),
)


@settings(deadline=None)
@given(pieces=st.lists(PIECE, min_size=1, max_size=12))
def test_each_letter_knows_its_place(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str]
) -> None:
    """It holds whatever Markdown is between the letters of a side."""
    path = tmp_path_factory.mktemp("cards") / "deck.md"
    body = " ".join(pieces)
    source = f"# D\n\n## A\n\n**Cloze:** {{{{c1::x}}}} {body}\n\n**Extra:** y\n"
    path.write_text(source, encoding="utf-8")
    for note in read(path).notes:
        text = Text.of(note.question, Sheet(path, source), note.sides["Extra"].line)
        lines = source.split("\n")
        for offset, letter in enumerate(text.said):
            if letter.isalpha():
                place = text.place(offset)
                assert letter == lines[place.line - 1][place.column - 1]


LANGUAGES = "python|pycon|bash|sh|console|yaml|json|toml|dockerfile|text|pyhton|"
BLOCK = st.builds(
    "\n\n~~~~~{}\n{}\n~~~~~\n\n".format, st.sampled_from(LANGUAGES.split("|")), st.text(max_size=60)
)
ORDERS = """**Front:** |**Back:** |**Cloze:** |**Hint:** |
## A
|
## B
<!-- id: b · pair: a -->
|Is it so, or not?|Which of `a` or `b`?|What: a or b?|![](x.svg)|1. a
|???"""
FRAGMENT = st.one_of(st.text(max_size=30), BLOCK, PIECE, st.sampled_from(ORDERS.split("|")))


@settings(deadline=None, max_examples=200)
@given(fragments=st.lists(FRAGMENT, max_size=20), is_course=st.booleans())
def test_no_file_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, fragments: list[str], is_course: bool
) -> None:
    """Each finding lies in the file."""
    path = tmp_path_factory.mktemp("cards") / "deck.md"
    text = "# D\n\n## A\n\n**Front:** " + "".join(fragments) + "\n\n**Back:** x\n"
    path.write_bytes(text.encode("utf-8", "ignore"))
    lines = path.read_text(encoding="utf-8").split("\n")
    for one in examine([read(path)], is_course):
        assert 1 <= one.line <= len(lines)
        assert 1 <= one.column <= len(lines[one.line - 1]) + 1


SETS = st.lists(
    st.lists(st.sampled_from("abcdefgh"), max_size=9).map(bigrams), min_size=2, max_size=12
)


@settings(deadline=None, max_examples=300)
@given(sets=SETS)
def test_the_index_finds_what_comparing_all_pairs_finds(
    sets: list[frozenset[tuple[str, ...]]],
) -> None:
    """No pair is missed, none is invented, and the counts are right."""
    wanted = {
        (later, earlier, len(sets[earlier] & sets[later]), len(sets[earlier] | sets[later]))
        for earlier, later in combinations(range(len(sets)), 2)
        if Fraction(len(sets[earlier] & sets[later]), len(sets[earlier] | sets[later]))
        >= Fraction(LIKE_TENTHS, 10)
    }
    said = list(alike(sets))
    assert len(said) == len(set(said))
    assert wanted == set(said)
