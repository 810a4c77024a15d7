"""A lab's README has the form of the template and says what the check checks."""

from __future__ import annotations

import ast
from collections import Counter

import pytest
from found import LABS

from taskyard.course import Lab
from taskyard.pages.page import Page

SECTIONS = [
    "Run it",
    "Predict",
    "Your turn",
    "Done when",
    "Hints",
    "If it fails",
    "Go further",
]


@pytest.mark.parametrize("lab", LABS)
def test_title_and_sections(lab: Lab) -> None:
    """The seven sections, in order, below `NN · Title` and what the lab needs."""
    page = Page.read(lab.readme)
    assert [head.text for head in page.headings if head.level == 2] == SECTIONS
    assert page.headings[0].text.startswith(f"{lab.number:02} · ")
    assert any(line.startswith("Needs:") for line in page.opening), "no line `**Needs:** …`"


@pytest.mark.parametrize("lab", LABS)
def test_run_it_names_the_command(lab: Lab) -> None:
    """What to type stands where you look for it."""
    page = Page.read(lab.readme)
    typed = [token.content for token in page.section("Run it") if token.type == "fence"]
    assert any(f"make lab-{lab.number}\n" in text for text in typed)


@pytest.mark.parametrize("lab", LABS)
def test_the_answer_to_the_prediction_is_folded(lab: Lab) -> None:
    """Nobody reads the answer before they have predicted."""
    assert len(Page.read(lab.readme).details("Predict")) == 1


@pytest.mark.parametrize("lab", LABS)
def test_done_when_is_what_the_check_checks(lab: Lab) -> None:
    """Each requirement is the first line of a test's docstring, in the same order."""
    tree = ast.parse(lab.check.read_text(encoding="utf-8"))
    tests = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[:5] == "test_"
    ]
    first_lines = [(ast.get_docstring(node) or node.name).splitlines()[0] for node in tests]
    assert list(Page.read(lab.readme).items("Done when")) == first_lines
    assert first_lines


@pytest.mark.parametrize("lab", LABS)
def test_there_are_three_hints(lab: Lab) -> None:
    """Where to look; the idea, with a link; the shape of the answer."""
    page = Page.read(lab.readme)
    hints = page.details("Hints")
    assert len(hints) == 3, [hint.summary for hint in hints]
    assert Page(lab.readme, hints[1].text).links, "the second hint has no link"


@pytest.mark.parametrize("lab", LABS)
def test_expectations_name_requirements(lab: Lab) -> None:
    """The starter and at least three wrong answers, each rejected in its own words."""
    expected = lab.expectations()
    assert len(lab.wrong) >= 3, lab.wrong
    listed = Page.read(lab.readme).items("Done when")
    unknown = {name: one for name, one in expected.items() if one.requirement not in listed}
    assert not unknown, f"these requirements are not in the README: {unknown}"
    messages = Counter(expected[name].message for name in lab.wrong)
    shared = [message for message, count in messages.items() if count > 1]
    assert not shared, f"several wrong answers are rejected with the same words: {shared}"
