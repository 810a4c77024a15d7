"""Rules about the question: a front asks one, to which more than two answers are possible."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from taskyard.cards.rules.reading import Card, Reading
from taskyard.cards.rules.rule import Said, of_card, of_file, over
from taskyard.cards.rules.text import CODE, Text

MAX_WORDS = 30
MAX_BROAD_WORDS = 25
MAX_WHAT_SHARE = 0.7
MIN_DECK = 5

_VERBS = (
    r"(?:(?:is|are|was|were|do|does|did|can|could|will|would|has|have|had|should|must|may)(?:n['’]t)?"
    r"|isn['’]t|won['’]t|can['’]t)"
)
_ASKING = re.compile(r"\b(?:which|what|who|whose|whom|where|when|why|how)\b", re.IGNORECASE)
_VERB = re.compile(rf"(?:^|[:;,–—]\s+)({_VERBS})\s", re.IGNORECASE)
_ASKS_LATER = re.compile(
    r",\s+(?:(?:in|on|at|to|from|for|by|after|under)\s+)?(?:which|what|who|where|when|why|how)\b",
    re.IGNORECASE,
)
_OR = re.compile(r"(?:,\s*|\s+)or\s+|,\s+", re.IGNORECASE)
_THING = rf"(?:(?:the|a|an)\s+)?(?:{CODE}+|[\w-]+)"
_OF_TWO = re.compile(
    rf"\bwhich(?:\s+one)?\s+of\s+({_THING})\s+(?:and|or)\s+{_THING}(?=\W)"
    rf"|,\s+({_THING})\s+or\s+{_THING},",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\b(?:if|when|while|because|unless|until|once|since|although|that|who)\b")
_NO_CHOICE = re.compile(
    rf"(?:{_CONDITION.pattern}|(?:after|and|as|at|before|but|by|during|for|from|in|not|of|on|so|to"
    rf"|under|where|which|with|without|{_VERBS})\b)",
    re.IGNORECASE,
)
_ANSWERED = re.compile(r"\W*(?:(yes)\b|(no|true|false)(?=\s*(?:[.,:;!(–—]|$)))", re.IGNORECASE)
_BROAD = re.compile(r"what(?:\s+is|\s+are|['’]s)\b", re.IGNORECASE)


@of_card
def long_question(card: Card) -> Iterator[Said]:
    """A front has at most thirty words."""
    if card.front:
        words = len(card.front.words)
        if level := over(words, MAX_WORDS):
            what = f"the question has {words} words; {MAX_WORDS} are read at a glance"
            cure = "keep the case and one question; move the rest to `**Extra:**`"
            yield Said(what, card.front.place(), cure, level)


@of_card
def several_questions(card: Card) -> Iterator[Said]:
    """A front asks one question."""
    if card.front:
        marks = [one.start() for one in re.finditer(r"\?(?=\W|$)", card.front.bare)]
        if level := over(len(marks), 1):
            what = f"the front asks {len(marks)} questions, and this `?` ends the second"
            yield Said(what, card.front.place(marks[1]), "make a card of each", level)


@of_card
def yes_no_question(card: Card) -> Iterator[Said]:
    """A question does not ask for yes or no, because half of all guesses would be right."""
    cure = "ask what, which, where or why"
    for text, start, end in _questions(card):
        verb = _verb(text.bare[start:end])
        if verb is not None and len(_offered(text.bare[start + verb : end])) == 1:
            said = re.match(r"[\w'’]+", text.said[start + verb : end])
            what = f"a question that begins with `{said[0] if said else ''}` asks for yes or no"
            yield Said(what, text.place(start + verb), cure, "error")
            return
    if card.back and (found := _ANSWERED.match(card.back.bare)):
        at = found.start(found.lastindex or 0)
        what = f"the answer begins with `{found[found.lastindex or 0]}`, one of two possibilities"
        yield Said(what, card.back.place(at), cure, "error")


@of_card
def two_way_guess(card: Card) -> Iterator[Said]:
    """A question does not offer two answers, because half of all guesses would be right."""
    for text, start, end in _questions(card):
        at, count = _offer(text.bare[start:end])
        if count == 2:
            offered = text.said[start + at : end].strip(" ?")
            what = f"`{offered}` offers two answers to guess between"
            cure = "ask without offering the answers, or offer a third that is as likely"
            yield Said(what, text.place(start + at), cure, "error")


@of_card
def broad_question(card: Card) -> Iterator[Said]:
    """A question is precise, and does not need a long answer."""
    if card.front and card.back and _BROAD.match(card.front.bare):
        words = len(card.back.words)
        if words > MAX_BROAD_WORDS:
            what = f"`{card.front.said.split()[0]} …` is broad: its answer takes {words} words"
            cure = "ask for the one property that matters"
            yield Said(what, card.front.place(), cure)


@of_file
def only_what_and_which(file: Reading) -> Iterator[Said]:
    """A deck does not ask only what and which, but also why, when and how."""
    fronts = [card.front.bare.casefold() for card in file.cards if card.front]
    what = sum(bool(re.match(r"\W*(?:what|which)\b", front)) for front in fronts)
    if file.is_course and len(fronts) >= MIN_DECK and what > MAX_WHAT_SHARE * len(fronts):
        said = f"{what} of {len(fronts)} fronts begin with `What` or `Which`"
        cure = "ask why, when or how where a card can"
        yield Said(said, file.sheet.place(0), cure, "notice")


def choices(card: Card) -> Sequence[tuple[int, int]]:
    """Return the start and end of each part of a front that offers three answers or more."""
    offers = ((start, end, _offer(text.bare[start:end])) for text, start, end in _questions(card))
    return [(start + at, end) for start, end, (at, count) in offers if count > 2]


def _questions(card: Card) -> Iterator[tuple[Text, int, int]]:
    """Yield the text, start and end of each question; a first sentence may lack the `?`."""
    if card.front:
        for number, (start, end) in enumerate(card.front.sentences):
            sentence = card.front.bare[start:end]
            is_order = re.match(r"(?:do|have|may)\b", sentence, re.IGNORECASE)
            if sentence.rstrip(")\"”’'").endswith("?") or (number == 0 and not is_order):
                yield card.front, start, end


def _verb(sentence: str) -> int | None:
    """
    Return where the verb of a yes-or-no question is, as in `After a crash, is it lost?`.

    `Should a task fail, what happens?` is not such a question, because it asks what.
    """
    for found in _VERB.finditer(sentence):
        before = re.sub(r"^(?:when|where)\b", "", sentence[: found.start(1)], flags=re.IGNORECASE)
        if not _ASKING.search(before) and (found.start() == 0 or sentence.endswith("?")):
            return None if _ASKS_LATER.search(sentence, found.end()) else found.start(1)
    return None


def _offered(clause: str) -> list[str]:
    """Return the answers that a clause offers; without an `or`, the clause itself."""
    if not re.search(r"\bor\b(?!\s+not\b)", clause, re.IGNORECASE):
        return [clause]
    return [one for one in _OR.split(clause.rstrip("?) ")) if one.strip()]


def _offer(sentence: str) -> tuple[int, int]:
    """Return where a question begins to offer answers, and their number; 1 if it offers none."""
    verb = _verb(sentence)
    if verb is not None:
        return verb, len(_offered(sentence[verb:]))
    asking = _ASKING.search(sentence)
    if asking is None:
        start = max(sentence.rfind(mark) + 1 for mark in ":;–—")
        start += len(sentence[start:]) - len(sentence[start:].lstrip())
        return start, len(_offered(sentence[start:])) if sentence.endswith("?") else 1
    if found := _OF_TWO.search(sentence, asking.start()):
        return found.start(found.lastindex or 0), 2
    for mark in re.finditer(r"[:,–—]\s+", sentence[asking.end() :]):
        start = asking.end() + mark.end()
        offered = _offered(sentence[start:])
        is_short = all(len(one.split()) <= 4 for one in offered)
        if (
            len(offered) > 1
            and is_short
            and (mark[0][0] != "," or _is_list(sentence, asking.end(), start))
        ):
            return start, len(offered)
    return 0, 1


def _is_list(sentence: str, asked: int, start: int) -> bool:
    """Tell whether choices follow a comma, and not a condition."""
    if _CONDITION.search(sentence, asked, start):
        return False
    no_choice = [bool(_NO_CHOICE.match(one.strip())) for one in _offered(sentence[start:])]
    return all(no_choice) or not any(no_choice)
