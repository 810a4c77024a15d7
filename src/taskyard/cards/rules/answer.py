"""Rules about the answer: one short fact that the question does not give away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from taskyard.cards.note import Side
from taskyard.cards.rules.question import choices
from taskyard.cards.rules.reading import Card
from taskyard.cards.rules.rule import Said, of_card, over
from taskyard.cards.rules.text import Deletion, Text

MAX_WORDS = 40
MAX_CHARACTERS = 280
MAX_ITEMS = 4
MAX_STEPS = 5
MAX_DELETIONS = 3
MAX_KEY_WORDS = 3

_SMALL_WORDS = """
a an the it its this that is are be in on at to of by with from for as and or not your
"""
_SMALL_NUMBERS = "none zero one two three four five six seven eight nine ten yes no"
_AROUND_A_WORD = ".,:;!?()[]…\"'“”’"


@of_card
def long_answer(card: Card) -> Iterator[Said]:
    """An answer is one fact of at most forty words."""
    text = card.back or card.cloze
    if text is None:
        return
    words, characters = len(text.words), len(text.said.strip())
    subject = "answer" if card.back else "cloze"
    cure = "keep the one fact that is asked for; move the rest to `**Extra:**` or a card of its own"
    if level := over(words, MAX_WORDS):
        what = f"the {subject} has {words} words; {MAX_WORDS} are recalled in ten seconds"
        yield Said(what, text.place(), cure, level)
    elif level := over(characters, MAX_CHARACTERS):
        what = f"the {subject} has {characters} characters, over {MAX_CHARACTERS}"
        yield Said(what, text.place(), cure, level)


@of_card
def long_list(card: Card) -> Iterator[Said]:
    """A list has few items, or a few more steps in order, because nobody recalls a long one."""
    for items, is_ordered, line in _lists(card.note.answer):
        limit = MAX_STEPS if is_ordered else MAX_ITEMS
        if len(items) > limit:
            what = f"the answer lists {len(items)} items, over {limit}"
            cure = "make a cloze note, or a card for each item with what sets it apart"
            source = card.sheet.lines[line - 1] if line <= len(card.sheet.lines) else ""
            indent = len(source) - len(source.lstrip())
            yield Said(what, card.sheet.place(card.sheet.start(line) + indent), cure)


@of_card
def answer_leak(card: Card) -> Iterator[Said]:
    """
    Nothing that is shown with the question gives the answer away.

    The rule examines answers of one to three words, or of one or two pieces of code. It compares
    code as it is written, and words without regard to case. It does not search blocks of code, and
    it accepts an answer that is one of three or more which the question offers.
    """
    hint = card.texts.get("Hint")
    if card.front and card.back:
        pairs = [(card.front, card.back, card.note.answer), (hint, card.back, card.note.answer)]
        if card.note.kind == "both":
            pairs.append((card.back, card.front, card.note.question))
        for shown, hidden, side in pairs:
            if shown and side and not side.code and _plain(shown.said) != _plain(hidden.said):
                units = _units(shown)
                if shown is card.front:
                    offered = choices(card)
                    units = [one for one in units if not any(a <= one.at < b for a, b in offered)]
                yield from _given_away(units, _keys(hidden), shown)
    if card.cloze:
        for deletion in card.cloze.deletions:
            keys = [_bare(_units(card.cloze, deletion.start, deletion.end))]
            yield from _given_away(_outside(card.cloze, deletion.number), keys, card.cloze)
            if hint:
                yield from _given_away(_units(hint), keys, hint)


@of_card
def hint_is_answer(card: Card) -> Iterator[Said]:
    """A hint says less than the answer."""
    cure = "hint at the kind of the answer, or leave the hint out"
    text, hint, back = card.cloze, card.texts.get("Hint"), card.back
    for deletion in text.deletions if text else ():
        said = text.said[deletion.start : deletion.end] if text else ""
        if text and _plain(said) and _plain(said) == _plain(deletion.hint):
            what = f"the hint `{deletion.hint.strip()}` is the answer"
            yield Said(what, text.place(deletion.start), cure, "error")
    if hint and back and _plain(back.said) and _plain(hint.said) == _plain(back.said):
        yield Said(f"the hint `{hint.said.strip()}` is the answer", hint.place(), cure, "error")


@of_card
def many_deletions(card: Card) -> Iterator[Said]:
    """A cloze note makes at most three cards; with more, learners recognise it by its look."""
    if card.cloze:
        numbers = sorted({one.number for one in card.cloze.deletions})
        if len(numbers) > MAX_DELETIONS:
            extra = next(
                one for one in card.cloze.deletions if one.number == numbers[MAX_DELETIONS]
            )
            what = f"the cloze has {len(numbers)} deletions with numbers of their own, up to "
            what += f"`c{numbers[-1]}`"
            cure = f"leave the {MAX_DELETIONS} that matter, or make two notes of it"
            yield Said(what, card.cloze.place(extra.start), cure, "error")


@dataclass(frozen=True)
class _Unit:
    """One word, or one word of a piece of code."""

    said: str
    is_code: bool
    at: int

    def same(self, other: _Unit) -> bool:
        if self.is_code or other.is_code:
            return self.said == other.said
        return self.said.casefold() == other.said.casefold()

    @property
    def is_small(self) -> bool:
        return not self.is_code and self.said.casefold() in _SMALL_WORDS.split()


def _units(text: Text, start: int = 0, end: int | None = None) -> list[_Unit]:
    found = []
    for at, said, is_code in text.runs():
        for word in re.finditer(r"\S+", said):
            trimmed = word[0] if is_code else word[0].strip(_AROUND_A_WORD)
            place = at + word.start() + word[0].find(trimmed)
            if trimmed and start <= place < (len(text.said) if end is None else end):
                found.append(_Unit(trimmed, is_code, place))
    return found


def _bare(units: Sequence[_Unit]) -> list[_Unit]:
    return [one for one in units if not one.is_small]


def _keys(answer: Text) -> list[list[_Unit]]:
    """Return groups of words; a question gives the answer away if it contains every group."""
    units = _units(answer)
    rest = _bare(units)
    if rest and all(one.is_code for one in rest):
        runs = [at for at, _, is_code in answer.runs() if is_code]
        if len(runs) > 2:
            return []
        ends = [*runs[1:], len(answer.said)]
        pairs = zip(runs, ends, strict=True)
        return [[one for one in rest if start <= one.at < end] for start, end in pairs]
    return [rest] if len(units) <= MAX_KEY_WORDS and rest else []


def _outside(text: Text, number: int) -> list[_Unit]:
    """Return the words that are shown while the deletions with a number are hidden."""
    hidden: list[Deletion] = [one for one in text.deletions if one.number == number]
    return [
        unit for unit in _units(text) if not any(one.start <= unit.at < one.end for one in hidden)
    ]


def _given_away(shown: list[_Unit], keys: list[list[_Unit]], text: Text) -> Iterator[Said]:
    shown = _bare(shown)
    found = [_find(key, shown) for key in keys if not _is_slight(key)]
    places = [at for at in found if at is not None]
    if places and len(places) == len(keys):
        key = " ".join(one.said for one in next(key for key in keys if not _is_slight(key)))
        cure = "reword the question so that it does not contain the answer"
        yield Said(f"the answer `{key}` is in the question", text.place(places[0]), cure, "error")


def _is_slight(key: list[_Unit]) -> bool:
    """Tell whether a key is too common to give an answer away: a letter, or a small number."""
    said = "".join(one.said for one in key).casefold()
    return len(said) < 2 or said in _SMALL_NUMBERS.split() or (said.isdigit() and len(said) < 3)


def _find(key: list[_Unit], shown: list[_Unit]) -> int | None:
    for place in range(len(shown) - len(key) + 1):
        if all(one.same(other) for one, other in zip(key, shown[place:], strict=False)):
            return shown[place].at
    return None


def _lists(side: Side | None) -> Iterator[tuple[list[int], bool, int]]:
    """Yield for each list of a side the lines of its items, whether it is ordered, and its line."""
    opened: list[tuple[list[int], bool, int]] = []
    for token in side.tokens if side else ():
        line = (token.map or [0])[0] + 1
        if token.type in ("bullet_list_open", "ordered_list_open"):
            opened.append(([], token.type.startswith("ordered"), line))
        elif token.type == "list_item_open":
            opened[-1][0].append(line)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            yield opened.pop()


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
