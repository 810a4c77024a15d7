"""Rules about notes that are mistaken for each other, by their ids or by their questions."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence, Set
from difflib import get_close_matches
from itertools import pairwise

from taskyard.cards.rules.reading import Card, Reading
from taskyard.cards.rules.rule import Said, of_all, of_loss
from taskyard.cards.rules.text import Text

LIKE_TENTHS = 6
SAME_TENTHS = 8
"""The tenths of all bigrams in two questions that both contain: a warning, and an error."""

Bigrams = frozenset[tuple[str, ...]]


@of_loss
@of_all
def duplicate_id(files: Sequence[Reading]) -> Iterator[Said]:
    """An id occurs in one file only, because of two notes with one GUID Anki keeps one."""
    first: dict[str, Card] = {}
    for file in files:
        for card in file.cards:
            other = first.setdefault(card.note.id, card)
            if other.sheet is not card.sheet:  # the grammar reports duplicates within one file
                what = f"the id `{card.note.id}` is taken by the card {_at(other, card)}"
                cure = "give this card another id, or move it back"
                if card.note.is_derived:
                    cure = "give this card another title, or an id: `<!-- id: another-name -->`"
                yield Said(what, card.place_of("id", card.note.id), cure, "error")


@of_all
def unknown_pair(files: Sequence[Reading]) -> Iterator[Said]:
    """A `pair:` names another note."""
    ids = {card.note.id for file in files for card in file.cards}
    for file in files:
        for card in file.cards:
            pair = card.note.pair
            if pair and (pair not in ids or pair == card.note.id):
                close = get_close_matches(pair, ids - {card.note.id}, n=1)
                cure = f"did you mean `{close[0]}`?" if close else "name a note, or remove the key"
                what = f"`pair: {pair}` names no other note"
                yield Said(what, card.place_of("pair", pair), cure, "error")


@of_all
def like_question(files: Sequence[Reading]) -> Iterator[Said]:
    """
    No two questions look alike, because a learner would answer the wrong one.

    Each note is compared with all notes before it, in all files, and the finding names the most
    similar one. A note may resemble the one that its `pair:` names.
    """
    cards = [card for file in files for card in file.cards]
    asked = [tokens(card) for card in cards]
    nearest: dict[int, tuple[int, int, int]] = {}
    for later, earlier, shared, united in alike([bigrams(one) for one in asked]):
        card, other = cards[later], cards[earlier]
        if card.note.pair != other.note.id and other.note.pair != card.note.id:
            best = nearest.get(later)
            if best is None or shared * best[2] > best[1] * united:
                nearest[later] = (earlier, shared, united)
    for later, (earlier, shared, united) in nearest.items():
        card, other = cards[later], cards[earlier]
        is_same = asked[later] == asked[earlier]
        what = f"the question is the same as that of `{other.note.id}`, {_at(other, card)}"
        if not is_same:
            share = f"{100 * shared // united} %"
            what = (
                f"the question is {share} the same as that of `{other.note.id}`, {_at(other, card)}"
            )
        is_error = is_same or 10 * shared >= SAME_TENTHS * united
        cure = f"add what tells them apart, or `pair: {other.note.id}` if they belong together"
        yield Said(what, card.question.place(), cure, "error" if is_error else "warning")


def tokens(card: Card) -> list[str]:
    """
    Return the tokens of a question: its words, and the words and symbols of its code.

    Words lose their case, and code keeps it. A deletion becomes `[…]`, which is what the learner
    sees of it, and an image becomes its address.
    """
    text = card.question
    found = []
    at = 0
    for deletion in sorted(text.deletions, key=lambda one: one.start):
        found += [*_tokens(text, at, deletion.start), "[…]"]
        at = deletion.end
    found += _tokens(text, at, len(text.said))
    for code in card.note.question.code:
        found += re.findall(r"\w+|[^\w\s]", code.text)
    return [*found, *(str(token.attrs["src"]) for token, _ in text.images)]


def bigrams(found: Sequence[str]) -> Bigrams:
    """Return the pairs of neighbouring tokens; a single token is returned alone."""
    return frozenset(pairwise(found)) or frozenset({tuple(found)})


def alike(sets: Sequence[Bigrams]) -> Iterator[tuple[int, int, int, int]]:
    """
    Find each pair of sets that share at least `LIKE_TENTHS` tenths of their union.

    This is exact, and rarely quadratic. If the elements of each set are sorted with rare ones
    first, two similar sets have one of their first few elements in common, so only such sets are
    compared.
    Source: Chaudhuri, Ganti and Kaushik, "A primitive operator for similarity joins" (2006).

    Yields:
        The indices of the later and of the earlier set, the size of their intersection, and that of
        their union.
    """
    count = Counter(one for each in sets for one in each)
    order = {one: rank for rank, (one, _) in enumerate(reversed(count.most_common()))}
    numbered = [sorted(order[one] for one in each) for each in sets]
    compared = [frozenset(each) for each in numbered]
    index: defaultdict[int, list[int]] = defaultdict(list)
    for later, each in enumerate(numbered):
        size = len(each)
        needed = -(-LIKE_TENTHS * size // 10)  # one of these is in every set that is similar
        start = each[: size - needed + 1]
        near: Set[int] = {earlier for one in start for earlier in index[one]}
        for earlier in sorted(near):
            other = compared[earlier]
            shared = len(compared[later] & other)
            united = size + len(other) - shared
            if 10 * shared >= LIKE_TENTHS * united:
                yield later, earlier, shared, united
        for one in start:
            index[one].append(later)


def _tokens(text: Text, start: int, end: int) -> list[str]:
    found: list[str] = []
    for at, said, is_code in text.runs():
        part = said[max(start - at, 0) : max(end - at, 0)]
        found += (
            re.findall(r"\w+|[^\w\s]", part) if is_code else re.findall(r"\w+", part.casefold())
        )
    return found


def _at(card: Card, seen_from: Card) -> str:
    """Return a card's line, and its file if that is not the one of the other card."""
    if card.sheet is seen_from.sheet:
        return f"line {card.note.line}"
    return f"{card.sheet.path.name}:{card.note.line}"
