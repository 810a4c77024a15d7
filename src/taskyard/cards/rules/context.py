"""Rules about a front's context: it is seen alone and months later, and says what it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from taskyard.cards.finding import short
from taskyard.cards.rules.reading import Card, Reading
from taskyard.cards.rules.rule import Said, of_card, of_file
from taskyard.cards.rules.text import CODE, Text

_COMMON = """
a about advanced an and are as at basic basics by card cards chapter course deck do does first
flashcards for from guide how i in into intro introduction is it its lesson more my next no not note
notes of on one or our part plus questions second some that the their this to tutorial two up what
when where which who why with without you your
"""
_OPENING = """
after all although another anything because before both can complete could did during each every
everything explain fill find following give given has have he here if imagine let list may must name
nobody nothing once only say several shall she should show since so state suppose then there these
they those three under unless until was we were whatever whenever whether while whom whose will
within would write
"""
_AUXILIARY = r"(?:is|are|was|were|do|does|did|can|could|will|would|has|have|should|must)"
_POINTING = re.compile(
    rf"(?:(?:what|where|when|why|how|which)\s+{_AUXILIARY}\s+)?"
    r"(?P<word>it|they|this|that|these|those|its|their|above)\b",
    re.IGNORECASE,
)
_BACK_REFERENCE = re.compile(
    r"\b(?:(?:as|mentioned|described|shown|listed|given|seen|the)\s+above"
    r"|above\s+(?:\w+\s+)?(?:example|code|command|snippet|file|figure|diagram)"
    r"|(?:previous|last|next)\s+(?:card|question|note))\b",
    re.IGNORECASE,
)
_SHOWN = frozenset({"this", "that", "these", "those", "above", "its", "it"})
_CAPITAL_WITHIN = re.compile(r"(?<=[a-z0-9,;)" + CODE + r"] )[A-Z]\w+")
_CAPITALS = re.compile(r"\b\w*[A-Z]\w*[A-Z0-9]\w*\b")
_CAPITAL = re.compile(r"\b[A-Z]\w+")
_SPECIFIC = re.compile(r"[^\w\s]|_|[A-Z]|\w\s+\w")
_VAGUE = re.compile(
    r"\b(?:some|something|somehow|things?|stuff|various|several|certain|explain|describe|discuss"
    r"|(?:tell|talk|know)\s+about|what\s+about|et\s?c\b|and\s+so\s+on)\b",
    re.IGNORECASE,
)


@of_file
def no_context(file: Reading) -> Iterator[Said]:
    """
    A front names its technology, and refers to nothing outside itself.

    The technology is named by a word of the deck's vocabulary: a tag, a word of the title, or a
    name that is capitalised within a sentence of the deck. It is also named by any other
    capitalised word, except words such as `Which` that often begin a sentence; by code that is more
    than a plain word in lower case (`task_acks_late`, `.delay()`, `docker ps` or `COPY`, but not
    `state`); and by a block of code or an image on the front.
    """
    names = _vocabulary(file)
    for card in file.cards:
        for text in card.asked:
            if found := _pointer(card, text):
                said = text.said[found.start("word") : found.end("word")]
                what = f"`{said}` points at something that the front does not name"
                cure = "say what it is: a card is seen alone, months later"
                yield Said(what, text.place(found.start("word")), cure)
            elif found := _BACK_REFERENCE.search(text.bare):
                what = f"`{found[0]}` points at what is not on the card"
                yield Said(what, text.place(found.start()), "show it on the front, or name it")
            elif not (_shows_something(card) or _is_named(text, names)):
                what = f"`{short(text.said)}` names no technology"
                cure = "name it: `Redis`, `Celery`, a setting, a command; or give the note a tag"
                yield Said(what, text.place(), cure)


@of_card
def vague_word(card: Card) -> Iterator[Said]:
    """A front has one right answer, so it asks for one thing."""
    if card.front:
        for found in _VAGUE.finditer(card.front.bare):
            what = f"`{found[0]}` leaves open what the right answer is"
            yield Said(what, card.front.place(found.start()), "ask for the one thing you mean")


def _vocabulary(file: Reading) -> Set[str]:
    words = re.findall(r"\w+", file.file.title)
    for card in file.cards:
        words += (part for tag in card.note.tags for part in re.findall(r"[^\W_]+", tag))
        for text in card.texts.values():
            words += _CAPITAL_WITHIN.findall(text.bare)
    return {word.casefold() for word in words if not word.isdigit()}.difference(_COMMON.split())


def _pointer(card: Card, text: Text) -> re.Match[str] | None:
    found = _POINTING.match(text.bare)
    if found and found["word"].casefold() in _SHOWN and _shows_something(card):
        return None
    return found


def _shows_something(card: Card) -> bool:
    side = card.note.question
    return bool(side.code or card.question.images)


def _is_named(text: Text, names: Set[str]) -> bool:
    for _, said, is_code in text.runs():
        if is_code and _SPECIFIC.search(said) and said not in ("None", "True", "False"):
            return True
        if not is_code and (_CAPITALS.search(said) or any(map(_is_name, _CAPITAL.findall(said)))):
            return True
    words = {word.casefold() for word in re.findall(r"[^\W_]+", text.said)}
    return bool(names & (words | {word.removesuffix("s") for word in words}))


def _is_name(word: str) -> bool:
    """Tell whether a capitalised word is a name, and not one that often begins a sentence."""
    return word.casefold() not in (*_COMMON.split(), *_OPENING.split())
