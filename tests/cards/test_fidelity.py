"""The real Anki shows what the file says: all words, and all code to the last space."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import cycle
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from real_anki import profile

from taskyard.cards.commands import cards
from taskyard.cards.rendering import highlight

if TYPE_CHECKING:
    from playwright.sync_api import Browser


# Code that Markdown, Anki, its editor, MathJax or HTML could take for something else.
HAZARDS = {
    "a heading": "## comment\nx = 1  # one",
    "a title": "# comment",
    "a rule": "---\na: 1\n---\nb: 2",
    "equals below": "title\n=====",
    "colons": "::: note\n:::",
    "colons within": "std::string a::b:::c::",
    "per cent": "%\n% x\n%d %s",
    "a tag of other tools": "[#tag] [[wiki]] #tag",
    "a template": "docker ps --format '{{.Names}}'",
    "braces at both ends": "{{.Names}}",
    "many braces": "{{{{x}}}} }}}{{{ {}{{",
    "a deletion": "{{c1::x}} {{c2::y::z}}",
    "a field": "{{Front}} {{#Back}}{{/Back}} {{cloze:Text}} {{type:Back}} {{FrontSide}}",
    "an occlusion": "image-occlusion:rect:left=.1",
    "variables": "echo $HOME ${HOME} $$ $(id) $1",
    "dollars": "$x$ $$y$$",
    "tags": "<tag> </tag> <br> <b>x</b> a<b>c <!-- x --> <script>x</script> <div",
    "brackets": "1 < 2 > 1 <= >= <<EOF >>",
    "ampersands": "a && b & c &amp; &lt;tag&gt; &#38; &nbsp; &copy",
    "MathJax": "\\(x\\) \\[y\\] \\\\(z\\\\)",
    "find": "find . \\( -name x -o -name y \\) -print",
    "sound": "[sound:x.mp3] [anki:play:q:0] [anki:tts lang=en_US]x[/anki:tts]",
    "latex": "[latex]x[/latex] [LATEX]x[/LATEX] [$]x[/$] [$$]x[/$$]",
    "typing": "[[type:Back]] [[type:cloze:Text]]",
    "labels": "**Front:** x\n**Back:** y",
    "emphasis": "*a* **b** _c_ __d__ ~~e~~",
    "a link": "[a](b) ![c](d) <https://example.com> https://example.com",
    "a list": "- a\n- b\n1. c",
    "a quotation": "> a\n>> b",
    "a table": "| a | b |\n|---|---|\n| c | d |",
    "backslashes": "a\\nb \\\\ \\` \\* C:\\x",
    "a backslash at the end": "a \\\n  b",
    "quotation marks": "'a' \"b\" ’c’ “d” `e`",
    "backticks": "`a` ``b``",
    "a fence": "```python\nx\n```",
    "a longer fence": "````\n```\nx\n```\n````",
    "a fence of tildes": "~~~\nx\n~~~",
    "tabs": "all:\n\tgo\t# tab\n\t\tdeep",
    "a tab in front": "\tx\n  y",
    "spaces at the end": "a  \nb   \nc",
    "spaces within": "a   b     c",
    "spaces in front": "    a\n  b",
    "a line of spaces": "a\n   \nb",
    "empty lines in front": "\n\na",
    "empty lines within": "a\n\n\n\nb",
    "empty lines at the end": "a\n\n",
    "only spaces": "  ",
    "a hard space": "a\u00a0b \u2003c\u200bd",
    "separators": "a\u2028b\u2029c\u0085d",
    "a byte order mark": "\ufeffa\ufeff",
    "other scripts": "größe naïve Привет 日本語 한국어 ไทย",
    "right to left": "שלום مرحبا \u202eabc\u202c \u200f",
    "emoji": "😀 👩‍👩‍👧 🇩🇪 ❤️ 1️⃣",
    "decomposed": "e\u0301 o\u0308 \u1112\u1161\u11ab",
    "composed otherwise": "\u212b \u2126 \u1e9b\u0323 \uf900",
    "a stroke in front": "\u0338x < \u0338 > \u0338",
    "a very long line": "x" * 5_000 + " " + "word " * 1_000 + "y",
    "a Dockerfile": 'FROM python:3.13\nENV A=1 \\\n    B=2\nRUN a && b\n# c\nCMD ["x"]',
    "YAML": "a: &x {b: [1, 2]}\nc: *x\nd: |\n  e\n  f\n",
    "Python": 'def f(x):\n    """Doc."""\n    return f"{x!r}}}"  # {{c1::x}}\n',
    "a session": '>>> d["a"]\n1\n>>> {"a": {"b": {}}}\n{\'a\': {\'b\': {}}}',
    "a dump": "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y",
    "JSON": '{"a": {"b": {"c": "\\u00e9"}}}',
    "Jinja": "{% if x %}{{ x }}{% endif %}{# y #}",
    "HTML": '<!doctype html>\n<p class="a">x &amp; y</p>\n<!-- z -->',
}
LANGUAGES = ("python", "bash", "yaml", "json", "html", "jinja", "console", "pycon", "dockerfile")
LANGUAGES += ("diff", "sql", "text", "nonsense")


@dataclass
class Piece:
    """A piece of Markdown, and the code that it shows."""

    text: str
    code: list[str] = field(default_factory=list)

    def __add__(self, other: Piece) -> Piece:
        return Piece(f"{self.text}\n\n{other.text}", self.code + other.code)


def fenced(code: str, language: str = "") -> Piece:
    """Write a block whose fence is longer than those within."""
    longest = max(map(len, re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return Piece(f"{fence}{language}\n{code}\n{fence}", [f"{code}\n"])


def tilded(code: str, language: str) -> Piece:
    """Write a block whose fence has more tildes than are within."""
    return Piece(f"~~~~ {language}\n{code}\n~~~~", [f"{code}\n"])


def listed(piece: Piece) -> Piece:
    """Put a piece into a list item."""
    inside = "\n".join(f"  {line}" for line in piece.text.split("\n"))
    return Piece(f"- item\n\n{inside}", piece.code)


def quoted(piece: Piece) -> Piece:
    """Put a piece into a quotation."""
    return Piece("\n".join(f"> {line}" for line in piece.text.split("\n")), piece.code)


def indented(code: str) -> Piece:
    """Write an indented block; empty lines at its edges would not belong to it."""
    if not code.strip() or not code.split("\n")[0].strip() or code.endswith("\n"):
        return Piece("text")
    return Piece("\n".join(f"    {line}" for line in code.split("\n")), [f"{code}\n"])


def span(code: str) -> str:
    """Write code within a line."""
    runs = {len(run) for run in re.findall(r"`+", code)}
    ticks = "`" * next(number for number in range(1, 9) if number not in runs)
    is_padded = code.strip(" ") and (code[0] in "` " and code[-1] in "` ")
    is_padded = is_padded or code.startswith("`") or code.endswith("`")
    return f"{ticks} {code} {ticks}" if is_padded else f"{ticks}{code}{ticks}"


def in_line(code: str, around: str = "so {} it is") -> Piece:
    """Put code into a sentence, if it is one line that Markdown does not trim."""
    if "\n" in code:
        return Piece("text")
    return Piece(around.format(span(code)), [code])


@dataclass
class Sample:
    """One note: its kind, and what its sides show."""

    kind: str
    sides: dict[str, Piece]

    @property
    def text(self) -> str:
        return "".join(f"**{label}:**\n\n{piece.text}\n\n" for label, piece in self.sides.items())


def samples() -> Iterator[tuple[str, Sample]]:
    """Make a note of each kind of every hazard, in all places where code can be."""
    languages = cycle(LANGUAGES)
    for number, code in enumerate(HAZARDS.values()):
        front = fenced(code, next(languages)) + in_line(code) + listed(fenced(code))
        back = quoted(tilded(code, next(languages))) + indented(code) + listed(quoted(fenced(code)))
        text = in_line(code, "it is {{{{c1::{}}}}} and {{{{c2::so::how}}}}")
        text += in_line(code, "{{{{c1::**{}**::hint}}}}") + in_line(code, "{{{{c1::x{}y}}}}:")
        text = Piece(f"{text.text}\n\n{{{{c1::x}}}}", text.code) + fenced(code, next(languages))
        yield f"basic-{number}", Sample("basic", {"Front": front, "Back": back})
        yield f"both-{number}", Sample("both", {"Front": back, "Back": front, "Hint": front})
        yield f"cloze-{number}", Sample("cloze", {"Cloze": text, "Extra": back})


IN_LINES = ("a", "code", "em", "kbd", "span", "strong", "sub", "sup")


class Page(HTMLParser):
    """Collects the text of every `<code>`, all text, and all tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.depth = 0
        self.code: list[str] = []
        self.said: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.said.append(" " * (tag not in IN_LINES))
        self.tags.append((tag, dict(attrs)))
        if tag == "code":
            self.depth += 1
            self.code.append("")

    def handle_endtag(self, tag: str) -> None:
        self.said.append(" " * (tag not in IN_LINES))
        self.depth -= tag == "code"

    def handle_data(self, data: str) -> None:
        self.said.append(data)
        if self.depth:
            self.code[-1] += data

    @property
    def words(self) -> list[str]:
        return "".join(self.said).split()


Shown = dict[tuple[str, int], tuple[str, str]]


def built(folder: Path, content: bytes) -> Path:
    """Build a package of a file with this content."""
    source, package = folder / "fidelity.md", folder / "fidelity.apkg"
    source.write_bytes(content)
    done = CliRunner().invoke(cards, ["build", str(source), "-o", str(package)])
    assert done.exit_code == 0, done.output
    return package


def shown(folder: Path, text: str) -> Shown:
    """Build a file, import it into a new profile, and return what Anki renders of each card."""
    with profile(folder / "profile") as opened:
        opened.take(built(folder, text.encode()))
        return opened.sides()


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Render all samples."""
    notes = [
        f"## Note {id}\n<!-- id: {id} · kind: {sample.kind} -->\n{sample.text}"
        for id, sample in samples()
    ]
    return shown(tmp_path_factory.mktemp("fidelity"), "# Fidelity\n\n" + "\n".join(notes))


@pytest.mark.parametrize("hazard", HAZARDS)
def test_code_is_shown_as_it_is_written(sides: Shown, hazard: str) -> None:
    """On each side of each kind of card: fenced, indented, quoted, in lists and in lines."""
    number = list(HAZARDS).index(hazard)
    sample = dict(samples())
    front, back = sample[f"basic-{number}"].sides.values()
    assert front.code == Page(sides[f"basic-{number}", 0][0]).code
    assert front.code + back.code == Page(sides[f"basic-{number}", 0][1]).code
    assert back.code + front.code == Page(sides[f"both-{number}", 0][0]).code
    assert back.code + front.code == Page(sides[f"both-{number}", 0][1]).code
    assert front.code + back.code == Page(sides[f"both-{number}", 1][1]).code
    text, extra = sample[f"cloze-{number}"].sides.values()
    for (id, _), (_, answer) in sides.items():
        if id == f"cloze-{number}":
            assert text.code + extra.code == Page(answer).code


def test_code_is_coloured_with_its_empty_lines() -> None:
    """A lexer would drop those in front if it were not asked to keep them."""
    assert '\n\n<span class="kn">import</span>' in highlight("python", "\n\nimport redis\n")


def test_a_deletion_hides_its_code_and_no_other(sides: Shown) -> None:
    """Only the block outside the deletion is left of the question."""
    number = list(HAZARDS).index("a template")
    question = Page(sides[f"cloze-{number}", 0][0])
    assert [f"{HAZARDS['a template']}\n"] == question.code
    assert ["it", "is", "[...]", "and", "so"] == question.words[:5]
    assert "[hint]" in question.words
    other = Page(sides[f"cloze-{number}", 1][0])
    assert 4 == len(other.code)
    assert "[how]" in other.words


def test_no_card_has_an_error_of_its_template(sides: Shown) -> None:
    """Anki writes errors of a template into the card."""
    assert [] == [key for key, pages in sides.items() if "has a problem" in "".join(pages)]


def test_any_code_is_shown_as_it_is_written(tmp_path: Path) -> None:
    """Random characters in several languages cover what HAZARDS does not name."""
    signs = Random(3)
    alphabet = "{}{}[]()<>:;\\/$&#%*_`~'\"|!?=+-.,@^ \n\t12cxé\u0301\u0338"
    codes = ["".join(signs.choices(alphabet, k=signs.randint(1, 60))) for _ in range(300)]
    blocks = [fenced(code, signs.choice(LANGUAGES)) for code in codes]
    pairs = [
        Piece(block.text, block.code) + in_line(" ".join(f"x{code}".split()))
        for code, block in zip(codes, blocks, strict=True)
    ]
    notes = [
        f"## N{at}\n**Front:** {at}\n\n**Back:**\n\n{one.text}\n" for at, one in enumerate(pairs)
    ]
    sides = shown(tmp_path, "\n".join(notes))
    for at, piece in enumerate(pairs):
        assert piece.code == Page(sides[f"n{at}", 0][1]).code


# Markdown, and the words of it that are shown.
PROSE = {
    "emphasis": ("*a* **b** ***c*** _d_ __e__ x*y*z", "a b c d e xyz"),
    "signs": ("a * b _ c # d ~ e ^ f | g", "a * b _ c # d ~ e ^ f | g"),
    "snakes": (
        "task_acks_late and 2*3*4 1_000",
        "task_acks_late and 234 1_000",
    ),
    "entities": ("&lt;tag&gt; &amp;amp; &copy; &#233; &#x301;", "<tag> &amp; © é \u0301"),
    "escapes": (r"\*a\* \_b\_ \# \[x\] \`c\` \<d>", "*a* _b_ # [x] `c` <d>"),
    "comparisons": ("a < b > c <= d && e", "a < b > c <= d && e"),
    "tags": ("a<br>b <kbd>Ctrl</kbd> H<sub>2</sub>O 2<sup>10</sup>", "a b Ctrl H2O 210"),
    "a remark": ("a <!-- why --> b", "a b"),
    "braces": ("{{x}} {{c1:: {{Front}} }} { {{", "{{x}} {{c1:: {{Front}} }} { {{"),
    "colons": ("a::b :::c: ::", "a::b :::c: ::"),
    "math": (r"\\(x\\) \\[y\\] $z$ $$w$$", r"\(x\) \[y\] $z$ $$w$$"),
    "sound": ("[sound:x.mp3] [anki:tts]x[/anki:tts]", "[sound:x.mp3] [anki:tts]x[/anki:tts]"),
    "latex": ("[latex]x[/latex] [LaTeX]y[/LaTeX]", "[latex]x[/latex] [LaTeX]y[/LaTeX]"),
    "dollars": ("[$]x[/$] [$$]y[/$$]", "[$]x[/$] [$$]y[/$$]"),
    "typing": ("[[type:Back]] [[x]]", "[[type:Back]] [[x]]"),
    "decomposed": ("e\u0301 \u212b *\u0338x*", "e\u0301 \u212b \u0338x"),
    "other scripts": ("größe שלום 日本語 😀", "größe שלום 日本語 😀"),
    "a list": ("- a\n- b\n  1. c\n  2. d\n\n     e\n- f", "a b c d e f"),
    "a list that starts late": ("7. a\n8. b", "a b"),
    "a quotation": ("> a\n> > b\n>\n> c", "a b c"),
    "a table": ("| a | `b\\|c` |\n|:--|--:|\n| d | |\n| **e** |\n", "a b|c d e"),
    "headings": ("### a\nb\n\n#### c #\n\nd", "a b c d"),
    "a rule": ("a\n\n---\n\nb", "a b"),
    "lines": ("a  \nb\\\nc\nd", "a b c d"),
    "links": (
        "[a](https://example.com/?x=1&y={{c1::z}} 'b') <https://example.com>",
        "a https://example.com",
    ),
    "a link by name": ("[a][b] [b]\n\n[b]: https://example.com", "a b"),
    "an image": ("![a \"b\" {{c1::c}}](dot.svg 'd')", ""),
}


@pytest.fixture(scope="module")
def prose(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Render each piece of prose on both sides, as an extra, and in a cloze."""
    folder = tmp_path_factory.mktemp("prose")
    (folder / "dot.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    notes = []
    for number, (text, _) in enumerate(PROSE.values()):
        sides = f"**Front:**\n\n{text}\n\n**Back:**\n\n{text}\n\n**Extra:**\n\n{text}\n\n"
        notes.append(f"## P{number}\n{sides}")
        inside = "" if "{{" in text else text
        notes.append(
            f"## C{number}\n**Cloze:** {{{{c1::x}}}}\n\n{inside}\n\n**Extra:**\n\n{text}\n"
        )
    return shown(folder, "\n".join(notes))


@pytest.mark.parametrize("name", PROSE)
def test_text_is_shown_as_it_is_written(prose: Shown, name: str) -> None:
    """Every word is there, in order, and none of Anki's marks in it has an effect."""
    number = list(PROSE).index(name)
    words = PROSE[name][1].split()
    assert words == Page(prose[f"p{number}", 0][0]).words
    assert words * 3 == Page(prose[f"p{number}", 0][1]).words
    times = 1 if "{{" in PROSE[name][0] else 2
    assert ["x", *words * times] == Page(prose[f"c{number}", 0][1]).words


def test_no_mark_of_anki_is_left(sides: Shown, prose: Shown) -> None:
    """Anki looks for some of them in the finished page, such as those of math."""
    for pages in (*sides.values(), *prose.values()):
        for page in pages:
            assert not re.search(r"\[\[type:|\[sound:|\[anki:|\[latex\]|\[\$+\]|\{\{", page)
            assert not re.search(r"\\[(\[]", page)
            # MathJax reads on across a comment, and stops at a tag; in code it does not look
            bare = re.sub(r"<code>.*?</code>|<!-- -->", "", page, flags=re.DOTALL)
            assert not re.search(r"\\[(\[]", bare)


def test_a_deletion_ends_where_its_marks_are(tmp_path: Path) -> None:
    """Characters that Anki could take for a part of the marks belong to the text."""
    deletions = {
        "{{{c1::a}}}": "{a}",
        "{ {{c1::{a} b}} }": "{ {a} b }",
        "::{{c1:::a: ::b}}:": ":::a: :",
        "{{c1::a:::b}}": "a",
        "x{{c1::}a{}}y": "x}a{y",
        "{{c1::image-occlusion:rect:left=.1}}": "image-occlusion:rect:left=.1",
        "{{c1::a}}{{c1::b}}{{c2::c}}": "abc",
        "{{c1::[sound:a.mp3]}} [latex]{{c1::b}}[/latex]": "[sound:a.mp3] [latex]b[/latex]",
        r"{{c1::\\(a\\)}} \\[{{c1::b}}\\]": r"\(a\) \[b\]",
    }
    notes = [f"## N{at}\n**Cloze:** {text}\n" for at, text in enumerate(deletions)]
    sides = shown(tmp_path, "\n".join(notes))
    found = [" ".join(Page(sides[f"n{at}", 0][1]).words) for at in range(len(deletions))]
    assert list(deletions.values()) == found


def test_links_and_images_survive(prose: Shown) -> None:
    """They keep their addresses, their titles and the images' alternative texts."""
    links = Page(prose[f"p{list(PROSE).index('links')}", 0][0]).tags
    assert [
        ("a", {"href": "https://example.com/?x=1&y=%7B%7Bc1::z%7D%7D", "title": "b"}),
        ("a", {"href": "https://example.com"}),
    ] == [tag for tag in links if tag[0] == "a"]
    images = Page(prose[f"p{list(PROSE).index('an image')}", 0][0]).tags
    ((_, image),) = (tag for tag in images if tag[0] == "img")
    assert ('a "b" {{c1::c}}', "d") == (image["alt"], image["title"])
    assert re.fullmatch(r"taskyard-[0-9a-f]{20}\.svg", image["src"] or "")


def test_the_description_of_the_deck_is_shown_as_it_is_written(tmp_path: Path) -> None:
    """The description is the text between the title and the first card."""
    text = "# Title\n\nA `<tag>` & *more*:\n\n- e\u0301\n\n## N\n**Front:** a\n**Back:** b\n"
    with profile(tmp_path / "profile") as opened:
        opened.take(built(tmp_path, text.encode()))
        deck = opened.collection.decks.by_name("Title")
    assert deck is not None
    assert ["A", "<tag>", "&", "more:", "e\u0301"] == Page(deck["desc"]).words


def test_line_ends_and_a_byte_order_mark_of_windows_change_nothing(tmp_path: Path) -> None:
    """The same text makes the same package."""
    text = (
        "# A\n\nB\n\n## N\n<!--\nid: n\ntags: t\n-->\n**Front:** a\n\n```yaml\na: |\n  b\n\n```\n"
    )
    text += "**Back:** é  \nè\n"
    assert (
        built(tmp_path, text.encode()).read_bytes()
        == built(tmp_path, text.replace("\n", "\r\n").encode("utf-8-sig")).read_bytes()
    )


# Anki puts a side into the page in this way. Source: ts/reviewer of Anki.
READ = """pages => {
  const box = document.createElement("div");
  document.body.append(box);
  return Object.entries(pages).map(([name, html]) => {
    box.innerHTML = html;
    return [name, [...box.querySelectorAll("code")].map((one) => one.textContent)];
  });
}"""


@pytest.mark.browser
def test_a_browser_reads_the_same_code(sides: Shown, browser: Browser) -> None:
    """The last stage: what the page in Anki's window holds."""
    answers = {f"{id} {at}": answer for (id, at), (_, answer) in sides.items()}
    code = browser.new_page().evaluate(READ, answers)
    assert {name: Page(html).code for name, html in answers.items()} == dict(code)
