"""The grammar of card files: what each construct becomes, and the finding for each fault."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it.utils import read_fixture_file

from taskyard.cards import card
from taskyard.cards.grammar import read
from taskyard.cards.note import CardFile, Note
from taskyard.cards.rendering import Fields
from taskyard.cards.rules import examine
from taskyard.errors import TaskyardError

FIXTURES = Path(__file__).parent / "fixtures"
MARK = "▶"
SIDES = "**Front:** a\n**Back:** b\n"

# A title, a file with `▶` where a finding must be, and the findings, each in a line.
FAULTS = {title: case for _, title, *case in read_fixture_file(FIXTURES / "faults.md")}


def marked(text: str) -> Iterator[tuple[int, int]]:
    """Yield line and column of each mark."""
    for line, content in enumerate(text.split("\n"), 1):
        for at, before in enumerate(re.finditer(MARK, content)):
            yield line, before.start() + 1 - at


def written(folder: Path, text: str) -> CardFile:
    """Write a file, and read it."""
    path = folder / "cards.md"
    path.write_text(text, encoding="utf-8", newline="")
    return read(path)


def fields(file: CardFile) -> dict[str, dict[str, str]]:
    """Return the HTML of each side, by the id of its note."""
    html = Fields(file.path.parent)
    return {
        note.id: {label: html.field(side) for label, side in note.sides.items()}
        for note in file.notes
    }


@pytest.mark.parametrize("title", FAULTS)
def test_a_fault_is_found_where_it_is(tmp_path: Path, title: str) -> None:
    """The finding has its rule, its level and a cure, and it is the only one."""
    text, sentences = FAULTS[title]
    found = written(tmp_path, text.replace(MARK, "")).findings
    if not title.startswith("no id"):
        found = tuple(one for one in found if one.rule != "derived-id")
    said = [f"{one.level} {one.rule}: {one.what}; {one.hint}" for one in found]
    assert sentences.splitlines() == said
    assert list(marked(text)) == [(one.line, one.column) for one in found]


def test_a_control_character_is_found_where_it_is(tmp_path: Path) -> None:
    """One of them separates the fields of a note in Anki."""
    text = "## A\n**Front:** a▶\x1fb▶\x08\n**Back:** c\n"
    found = written(tmp_path, text.replace(MARK, "")).findings[1:]
    assert ["U+001F", "U+0008"] == [re.findall(r"U\+\w+", one.what)[0] for one in found]
    assert {"control-character"} == {one.rule for one in found}
    assert list(marked(text)) == [(one.line, one.column) for one in found]


def test_a_line_is_counted_as_an_editor_counts(tmp_path: Path) -> None:
    """YAML and Python know more ends of lines than the line feed."""
    for sign in "\u2028\u2029\u0085":
        text = f"---\na{sign}\ndeck▶: A\n---\n## {sign}B`\x1f`\n{SIDES}"
        found = written(tmp_path, text.replace(MARK, "")).findings
        found = tuple(one for one in found if one.rule != "derived-id")
        assert ["front-matter", "control-character"] == [one.rule for one in found]
        assert next(marked(text)) == (found[0].line, found[0].column)
        assert 5 == found[1].line


def test_keys_may_be_parted_in_several_ways(tmp_path: Path) -> None:
    """Thin or thick dots separate them, with or without spaces; a colon may have a space too."""
    (note,) = written(tmp_path, f"## A\n<!--id : a·tags: b c • proof: d · e-->\n{SIDES}").notes
    assert ("a", ("b", "c"), "d · e") == (note.id, note.tags, note.proof)


def test_an_image_may_have_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    """It is reported as missing, and no more."""
    for address in ("c" * 300 + ".png", "%00.png", "no/folder.png", ""):
        found = written(tmp_path, f"## A\n**Front:** ![a]({address})\n**Back:** b\n").findings
        assert ["derived-id", "missing-image"] == [one.rule for one in found]


def test_a_name_that_is_nearly_right_is_proposed(tmp_path: Path) -> None:
    """The proposed name is one of a file beside the missing one."""
    (tmp_path / "queue.svg").write_text("<svg/>")
    found = written(tmp_path, "## A\n**Front:** ![a](queues.svg)\n**Back:** b\n").findings
    assert "did you mean `queue.svg`?" == found[-1].hint


def test_every_fault_is_shown_here() -> None:
    """The list above has every rule of the grammar's modules."""
    rules = set()
    for name in ("card", "cloze", "comment", "grammar", "hazards", "settings"):
        tree = ast.parse((Path(card.__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            is_said = isinstance(call.func, ast.Attribute) and call.func.attr in (
                "error",
                "warning",
                "notice",
                "_error",
            )
            if is_said and isinstance(call.args[0], ast.Constant):
                rules.add(call.args[0].value)
    shown = {line.split()[1][:-1] for _, found in FAULTS.values() for line in found.splitlines()}
    assert rules == shown | {"control-character"}


def test_all_faults_of_a_file_are_found_at_once() -> None:
    """Eight that lose or spoil a card, three of them found by the rules."""
    file = read(FIXTURES / "eight-faults.md")
    found = sorted(
        (one.line, one.column, one.rule) for one in (*file.findings, *examine([file], True))
    )
    assert [
        (9, 10, "duplicate-id"),
        (16, 1, "empty-side"),
        (21, 32, "missing-image"),
        (25, 12, "like-question"),
        (33, 11, "code-does-not-parse"),
        (40, 4, "unknown-language"),
        (46, 48, "raw-html"),
        (53, 1, "unclosed-fence"),
    ] == [one for one in found if one[2] not in ("two-way-guess", "no-context")]


@pytest.fixture(scope="module")
def grammar() -> CardFile:
    """A file with every construct."""
    return read(FIXTURES / "grammar.md")


def test_a_file_has_a_name_a_description_and_tombstones(grammar: CardFile) -> None:
    """The name in the front matter takes precedence over the title."""
    assert "Queues" == grammar.title
    assert {"an-old-one": 13, "another-old-one": 13} == grammar.retired
    html = Fields(FIXTURES).field(grammar.intro)
    assert (
        "<p>What stands here is the description.</p>\n"
        "<ul>\n<li>It may hold a list.</li>\n</ul>" == html
    )
    assert [] == [one for one in grammar.findings if one.level == "error"]


def test_a_comment_gives_a_note_what_it_is(grammar: CardFile) -> None:
    """The entries may be in one line or in several, in one comment or in two."""
    notes = {note.id: note for note in grammar.notes}
    assert (
        Note(
            id="all-keys",
            title="All keys on one line",
            kind="both",
            sides=notes["all-keys"].sides,
            tags=("celery", "redis", "broker", "queue::list"),
            proof='cell "seen.waiting"',
            source="https://docs.celeryq.dev",
            pair="shortest",
            line=22,
        )
        == notes["all-keys"]
    )
    assert 'lab "One: two · three"' == notes["on-lines"].proof
    assert "https://redis.io" == notes["on-lines"].source
    assert ("celery", "redis", "broker", "list") == notes["on-lines"].tags


def test_a_label_may_be_written_in_several_ways(grammar: CardFile) -> None:
    """Neither its case nor its asterisks matter, nor the side of them that the colon is on."""
    assert {
        "Front": "<p>a title gives its id</p>",
        "Back": "<p>without its number</p>",
        "Hint": "<p>lower case, other stars</p>",
        "Extra": "<p>the colon behind</p>",
    } == fields(grammar)["set-and-get"]


def test_a_side_holds_what_stands_up_to_the_next_label(grammar: CardFile) -> None:
    """It may hold paragraphs, lists, code, tables, headings, quotations and images."""
    sides = fields(grammar)["blocks"]
    assert "<p>A paragraph\nof two lines.</p>\n<p>And one more.</p>" == sides["Front"]
    tags = re.findall(r"<(ul|li|p|pre|table|th|td|h3|blockquote|img)\b", sides["Back"])
    assert "ul li p li p pre table th th td td h3 blockquote p p img" == " ".join(tags)
    assert re.search(r'<img src="taskyard-\w{20}\.svg" alt="a dot" title="A dot">', sides["Back"])
    assert "<p>Text, a rule and text.</p>\n<hr />\n<p>Text.</p>" == sides["Extra"]


def test_code_is_no_grammar(grammar: CardFile) -> None:
    """What looks like a heading, a label or a comment in it stays code."""
    code = {note.id: note for note in grammar.notes}["code"]
    assert [
        ("bash", "## no heading\n**Back:** no label\n<!-- id: no-comment -->\n", 82),
        ("", "indented\n", 89),
    ] == [(one.language, one.text, one.line) for side in code.sides.values() for one in side.code]


def test_a_deletion_counts_in_text_alone(grammar: CardFile) -> None:
    """It does not count in code or with escaped braces; a hint may follow it."""
    sides = fields(grammar)
    assert (
        "<p>A message waits in {{c1::<code>a}<!-- -->}b</code>::its <strong>name</strong>}} of "
        "{{c2::Redis}},\nand {{c1::<em>nowhere</em> else}}.</p>" == sides["cloze"]["Cloze"]
    )
    html = sides["no-deletions"]["Cloze"]
    assert ["{{c1::"] == re.findall(r"\{\{c\d::", html)
    assert "{{c1::one}} <code>{{c2::code}}</code> {{c3::escaped}} {{c4::as entities}}" in (
        html.replace("<!-- -->", "")
    )


def test_a_few_tags_may_stand_in_text(grammar: CardFile) -> None:
    """They are those for which Markdown has no syntax."""
    tags = fields(grammar)["tags"]
    assert (
        "<p><kbd>Ctrl</kbd> H<sub>2</sub>O x<sup>y<sup>2</sup></sup> a<br>b </p>" == tags["Front"]
    )


def test_the_plain_style_needs_no_comment() -> None:
    """Ids come from the titles, and a notice says so."""
    file = read(FIXTURES / "plain.md")
    ids = ["what-a-broker-is", "names", "start-a-worker", "folders", "when-to-build"]
    assert ids == [note.id for note in file.notes]
    assert ["notice"] == [one.level for one in file.findings]
    assert "Queues - Anki Cards" == file.title
    assert "├── beat/start.sh" in fields(file)["folders"]["Back"]


@pytest.mark.parametrize(
    ("heading", "id"),
    [
        ("Card 1: Broker", "broker"),
        ("card #12 – Broker", "broker"),
        ("Card 3 Broker", "broker"),
        ("7. Broker", "broker"),
        ("#8) Broker", "broker"),
        ("3 replicas", "3-replicas"),
        ("Redis 7. Broker", "redis-7-broker"),
        ("1. Card 2: Broker", "card-2-broker"),
        ("12-factor app", "12-factor-app"),
        ("1:1 mapping", "1-1-mapping"),
        ("3.11 changes", "3-11-changes"),
        ("card2vec", "card2vec"),
        ("`SET` & **get**!", "set-get"),
        ("Größe E\u0301tat", "grosse-etat"),
        ("消息", "消息"),
    ],
)
def test_an_id_comes_from_the_title_without_its_number(
    tmp_path: Path, heading: str, id: str
) -> None:
    """A number that belongs to the title stays."""
    (note,) = written(tmp_path, f"## {heading}\n{SIDES}").notes
    assert id == note.id
    assert note.is_derived


@settings(derandomize=True, deadline=None)
@given(text=st.text())
def test_a_derived_id_may_be_written(text: str) -> None:
    """The id of an id is the same, so the author can follow the notice."""
    assert card.slug(card.slug(text)) == card.slug(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("no line between", "**Front:** a\n**Back:** b"),
        ("a line between", "**Front:** a\n\n**Back:** b\n"),
        ("text below", "**Front:**\na\n**Back:**\n\nb\n"),
        ("hard line ends", "**Front:** a\\\n**Back:** b  \n"),
        ("indented", "  **Front:** a\n   **Back:** b\n"),
        ("a hard space", "**Front:**\u00a0a\n**Back:** b\n"),
        ("no space", "**Front**:a\n**Back**:b\n"),
        ("a rule at the end", "**Front:** a\n**Back:** b\n\n---\n"),
        ("the back first", "**Back:** b\n**Front:** a\n"),
        ("Windows", "**Front:** a\r\n**Back:** b\r\n"),
    ],
)
def test_lines_may_be_laid_out_in_several_ways(tmp_path: Path, name: str, text: str) -> None:
    """The card is the same."""
    file = written(tmp_path, f"## A\n{text}")
    assert {"a": {"Front": "<p>a</p>", "Back": "<p>b</p>"}} == fields(file), name
    assert ["derived-id"] == [one.rule for one in file.findings]


@pytest.mark.parametrize(
    "below",
    [
        "- a",
        "1. a",
        "> a",
        "```\na\n```",
        "~~~\na\n~~~",
        "| a |\n|---|\n| b |",
        "> | a | b |\n> |---|---|\n> | c | d | |\n> | | e |",
        "- a\n\n  | a | b |\n  |---|---|\n  c | d",
        "a | b\n--|--\nc | d\ne |",
        "````\n```bash\na\n```\n````",
        "```\n    ```bash\na\n```",
        '``` {.python title="a b"}\na\n```',
        "### a",
        "<!-- why -->\na",
        "![a](dot.svg)",
    ],
)
def test_any_block_may_stand_right_below_a_label(tmp_path: Path, below: str) -> None:
    """It needs no empty line before it, and belongs to the label."""
    (tmp_path / "dot.svg").write_bytes((FIXTURES / "dot.svg").read_bytes())
    tight = written(tmp_path, f"## A\n**Front:**\n{below}\n\n**Back:**\n{below}\n")
    loose = written(tmp_path, f"## A\n**Front:**\n\n{below}\n\n**Back:**\n\n{below}\n")
    assert fields(loose) == fields(tight)
    assert [] == [one for one in tight.findings if one.level != "notice"]


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    """Some editors write one, in front of the front matter as well."""
    file = written(tmp_path, f"\ufeff---\ndeck: A\n---\n## B\n{SIDES}")
    assert ("A", 1) == (file.title, len(file.notes))


def test_a_remark_is_for_authors_alone(tmp_path: Path) -> None:
    """It includes a remark with a colon, and a card that is commented out."""
    text = (
        f"## A\n<!-- see: https://redis.io -->\n{SIDES}\n<!--\n## B\n{SIDES}-->\n<!--> c <!---->\n"
    )
    file = written(tmp_path, text.replace("<!--> c <!---->", "<!---->"))
    assert {"a": {"Front": "<p>a</p>", "Back": "<p>b</p>"}} == fields(file)
    assert ["derived-id"] == [one.rule for one in file.findings]


def test_the_name_of_a_deck_is_text(tmp_path: Path) -> None:
    """YAML would read it as a number."""
    assert "1.10" == written(tmp_path, f"---\ndeck: 1.10\n---\n# A\n\n## B\n{SIDES}").title


def test_what_cannot_be_read_is_one_error(tmp_path: Path) -> None:
    """A folder, a missing file and a file that is not text give one error each."""
    (tmp_path / "photo.md").write_bytes(b"\xff\xd8\xff")
    for name, reason in (("", "is a directory"), ("no.md", "no such file"), ("photo.md", "UTF-8")):
        with pytest.raises(TaskyardError, match=reason):
            read(tmp_path / name)
