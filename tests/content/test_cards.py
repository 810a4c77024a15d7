"""The course's cards: well made, proven, locked, and what the real Anki shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from found import COURSE, DECKS
from real_anki import Profile, profile

from taskyard.cards import release, rules
from taskyard.cards.commands import LOCK
from taskyard.cards.grammar import read
from taskyard.cards.lock import Lock
from taskyard.cards.note import CardFile
from taskyard.cards.proof import Proofs
from taskyard.cards.release import Part
from taskyard.course import Chapter


def files() -> list[CardFile]:
    return [read(chapter.cards) for chapter in COURSE.chapters if chapter.cards]


@pytest.mark.parametrize("chapter", DECKS)
def test_nothing_is_wrong_with_a_card(chapter: Chapter) -> None:
    """The grammar, the rules and the proofs find no error; `make cards-check` says the same."""
    every = files()
    (file,) = (one for one in every if one.path == chapter.cards)
    found = [*file.findings, *rules.examine(every, is_course=True)]
    found += Proofs(COURSE).examine(chapter, file)
    errors = [one for one in found if one.level == "error" and one.path == chapter.cards]
    assert not errors, "\n" + "\n".join(map(str, errors))


def test_every_claim_is_on_a_card() -> None:
    """A claim test that no card names proves nothing to anybody."""
    assert Proofs(COURSE).unused_claims(files()) == []


@pytest.mark.parametrize("chapter", DECKS)
def test_the_lock_is_up_to_date(chapter: Chapter) -> None:
    """What learners get as changed is what has changed."""
    lock = Lock.read(LOCK)
    parts = release.parts_of_course(COURSE, lock)
    new = release.locked(parts, lock, now=0)
    (part,) = (one for one in parts if one.slug == chapter.slug)
    behind = [one.id for one in part.all if new.notes[one.id] != lock.notes.get(one.id)]
    assert not behind, f"run `make cards-lock` and commit {LOCK.name}: it is behind for {behind}"
    assert lock.decks.get(chapter.slug), "run `make cards-lock`: it does not know the deck"


def test_the_lock_knows_the_note_types() -> None:
    """A style that changed has another time; without it nobody would get it."""
    lock = Lock.read(LOCK)
    assert lock.renewed((), now=0).styles == lock.styles, "run `make cards-lock`"


# In the real Anki


@pytest.fixture(scope="module")
def parts() -> list[Part]:
    return release.parts_of_course(COURSE, Lock.read(LOCK))


@pytest.fixture(scope="module")
def learner(parts: list[Part], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Profile]:
    """Somebody who has imported the whole course."""
    folder = tmp_path_factory.mktemp("anki")
    lock = release.locked(parts, Lock.read(LOCK), now=1)
    release.build(parts, folder / "taskyard.apkg", lock)
    with profile(folder / "profile") as learner:
        log = learner.take(folder / "taskyard.apkg")
        assert log["new"] == sum(len(part.all) for part in parts)
        assert (log["updated"], log["conflicting"]) == (0, 0)
        yield learner


class Shown(HTMLParser):
    """What a side shows: its text, the text of each piece of code, and its images."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.images = "", []
        self.feed(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(str(dict(attributes)["src"]))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("chapter", DECKS)
def test_every_card_shows_both_sides(chapter: Chapter, learner: Profile, parts: list[Part]) -> None:
    """Neither is empty, none shows a fault of its template, and the answer says more."""
    (part,) = (one for one in parts if one.slug == chapter.slug)
    sides = learner.sides()
    for entry in part.entries:
        cards = {order: both for (own, order), both in sides.items() if own == entry.id}
        assert cards, f"Anki makes no card of the note `{entry.id}`"
        for question, answer in cards.values():
            asked, told = Shown(question), Shown(answer)
            assert asked.text.strip(), entry.id
            assert len(told.text.split()) > len(asked.text.split()), entry.id
            for side in (question, answer):
                assert "has a problem" not in side, entry.id
            for image in (*asked.images, *told.images):
                assert (Path(learner.collection.media.dir()) / image).is_file(), image


@pytest.mark.parametrize("chapter", DECKS)
def test_cards_come_in_the_order_of_the_chapter(
    chapter: Chapter, learner: Profile, parts: list[Part]
) -> None:
    """Each note has a position of its own, and all are in the chapter's deck."""
    (part,) = (one for one in parts if one.slug == chapter.slug)
    cards = [learner.notes[entry.id].cards()[0] for entry in part.entries]
    due = [card.due for card in cards]
    assert due == sorted(set(due))
    assert {learner.collection.decks.name(card.did) for card in cards} == {part.name}
