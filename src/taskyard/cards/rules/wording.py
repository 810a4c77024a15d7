"""Rules about wording: short sentences without filler."""

from __future__ import annotations

import re
from collections.abc import Iterator

from taskyard.cards.rules.reading import Card
from taskyard.cards.rules.rule import Said, of_card
from taskyard.cards.rules.text import CODE

MAX_WORDS = 20

_FILLER = re.compile(
    r"\b(?:actually|as\s+you\s+(?:may\s+)?know|basically|essentially|in\s+order\s+to|in\s+fact"
    r"|it\s+is\s+important\s+to|it\s+should\s+be\s+noted|just|note\s+that|obviously|of\s+course"
    r"|please(?:\s+note)?|simply)\b",
    re.IGNORECASE,
)


@of_card
def filler_word(card: Card) -> Iterator[Said]:
    """A card has no words that say nothing, and would be read again at every review."""
    for text in card.texts.values():
        for found in _FILLER.finditer(text.bare):
            cure = "write `to`" if found[0].lower().startswith("in order") else "leave it out"
            yield Said(f"`{found[0]}` says nothing here", text.place(found.start()), cure)


@of_card
def long_sentence(card: Card) -> Iterator[Said]:
    """A sentence has at most twenty words; a piece of code counts as one."""
    for text in card.texts.values():
        for start, end in text.sentences:
            words = re.findall(rf"\S*[\w{CODE}]\S*", text.bare[start:end])
            if len(words) > MAX_WORDS:
                begin = " ".join(text.said[start:end].split()[:4])
                what = f"the sentence `{begin} …` has {len(words)} words, over {MAX_WORDS}"
                yield Said(what, text.place(start), "make two of it")
