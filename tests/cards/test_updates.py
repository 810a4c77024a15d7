"""What an update does to a learner: the real Anki imports one release, then the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner
from real_anki import Profile, profile

from taskyard.cards import notetype, release
from taskyard.cards.commands import cards
from taskyard.cards.entry import digest
from taskyard.cards.lock import Lock
from taskyard.course import Course
from taskyard.errors import TaskyardError

IDS = ("broker", "worker", "backend")
CARDS = {
    "broker": "**Front:** Where does a message of Celery wait?\n**Back:** In the broker.",
    "worker": "**Front:** Which process of Celery runs a task?\n**Back:** A worker.",
    "backend": "**Cloze:** Celery keeps a result in the {{c1::result backend}}.",
}
FIRST = 1_795_000_000
"""The time of the first release; the later ones follow a day apart."""
DAY_S = 86_400


def written(cards: dict[str, str], title: str = "Queues") -> str:
    notes = (f"## About {name}\n<!-- id: {name} -->\n{text}\n" for name, text in cards.items())
    return f"# {title}\n\n" + "\n".join(notes)


def tagged(tags: str) -> str:
    return written(CARDS).replace("<!-- id: broker -->", f"<!-- id: broker · tags: {tags} -->")


class Files:
    """An author's file outside the course, built again and again to the same place."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "queues.md"
        self.out = folder / "queues.apkg"

    def build(self, text: str) -> Path:
        self.file.write_text(text, encoding="utf-8")
        done = CliRunner().invoke(cards, ["build", str(self.file), "-o", str(self.out)])
        assert done.exit_code == 0, done.output
        self.said = done.output
        return self.out


class Chapters:
    """A course with one chapter and a lock that is renewed for each release."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "course"
        (self.root / "chapters").mkdir(parents=True)
        (self.root / "cards").mkdir()
        (self.root / "chapters" / "01-queues.md").write_text("# Queues\n\nWhy?\n")
        (self.root / "README.md").write_text("# Course\n")
        self.lock = Lock()
        self.now = FIRST
        self.out = folder / "taskyard.apkg"

    def build(self, text: str) -> Path:
        (file,) = (self.root / "chapters").glob("*-queues.md")
        (self.root / "cards" / file.name).write_text(text, encoding="utf-8")
        parts = release.parts_of_course(Course.discover(self.root), self.lock)
        self.lock = release.locked(parts, self.lock, self.now)
        self.now += DAY_S
        release.build(parts, self.out, self.lock)
        return self.out


@pytest.fixture(params=[Files, Chapters])
def author(request: pytest.FixtureRequest, tmp_path: Path) -> Files | Chapters:
    """The author of the deck: of any file without a lock, or of the course with one."""
    return request.param(tmp_path)


@pytest.fixture
def learner(author: Files | Chapters, tmp_path: Path) -> Iterator[Profile]:
    """A learner who has imported the first release and studied each of its notes."""
    with profile(tmp_path / "profile") as learner:
        assert learner.take(author.build(written(CARDS)))["new"] == len(CARDS)
        for name in IDS:
            learner.study(name)
        yield learner


@pytest.fixture
def before(learner: Profile) -> dict[str, tuple[object, ...]]:
    """What the learner has learned; each has an interval and a review."""
    known = {name: learner.learned(name) for name in IDS}
    assert all(
        ivl > 0 and reps == 1 and reviews == 1 for _, _, ivl, reps, reviews, _ in known.values()
    )
    return known


def same(learner: Profile, before: dict[str, tuple[object, ...]]) -> bool:
    return before == {name: learner.learned(name) for name in IDS}


# The table of updates: its six rows.


def test_an_edited_answer_arrives(author, learner: Profile, before) -> None:
    """The one note is updated in place, with its interval and its review."""
    edited = CARDS | {"worker": CARDS["worker"].replace("A worker.", "A worker, in its pool.")}
    log = learner.take(author.build(written(edited)))
    assert (log["new"], log["updated"], log["same"], log["conflicting"]) == (0, 1, 2, 0)
    assert "in its pool" in learner.notes["worker"]["Back"]
    assert same(learner, before)


def test_a_reworded_question_is_the_same_note(author, learner: Profile, before) -> None:
    """Identity is the id, and no duplicate appears."""
    edited = CARDS | {"worker": "**Front:** Who runs a task of Celery?\n**Back:** A worker."}
    log = learner.take(author.build(written(edited)))
    assert (log["new"], log["updated"]) == (0, 1)
    assert "Who runs" in learner.notes["worker"]["Front"]
    assert same(learner, before)


def test_a_card_inserted_first_is_the_only_new_one(author, learner: Profile, before) -> None:
    """The place of a card is not its identity."""
    added = {"producer": "**Front:** Who sends a task to Celery?\n**Back:** A producer."} | CARDS
    log = learner.take(author.build(written(added)))
    assert (log["new"], log["updated"], log["same"]) == (1, 0, 3)
    assert same(learner, before)


def test_the_first_card_taken_away_moves_no_other(author, learner: Profile, before) -> None:
    """The remaining notes keep their history, and the learner keeps the removed one."""
    fewer = {name: CARDS[name] for name in IDS[1:]}
    text = written(fewer) + "\n<!-- retired: broker -->\n"
    log = learner.take(author.build(text))
    assert (log["new"], log["updated"], log["same"]) == (0, 1, 2)  # the tombstone
    assert same(learner, before)


def test_a_renamed_file_changes_nothing(author, learner: Profile, before) -> None:
    """Neither the name of a file nor the number of a chapter is a part of a note's identity."""
    if isinstance(author, Chapters):
        for folder in ("chapters", "cards"):
            (author.root / folder / "01-queues.md").rename(author.root / folder / "02-queues.md")
    else:
        author.file.rename(author.file.with_name("renamed.md"))
        author.file = author.file.with_name("renamed.md")
    log = learner.take(author.build(written(CARDS)))
    assert log["new"] == 0
    if isinstance(author, Chapters):
        assert "02 · Queues" in learner.notes["broker"]["Footer"]
    assert same(learner, before)
    assert ["Queues"] == [name.rpartition(" ")[2] for name in decks(learner)]


def test_what_the_learner_wrote_outlives_an_update(author, learner: Profile, before) -> None:
    """Their text and their tags on a note stay, while another note is updated beside it."""
    note = learner.notes["broker"]
    note["Back"] += " I call it the post office."
    note.tags.append("mine")
    learner.collection.update_note(note)
    edited = CARDS | {"worker": CARDS["worker"].replace("A worker.", "A worker, in its pool.")}
    for text, updated in ((written(CARDS), 0), (written(edited), 1)):
        assert learner.take(author.build(text))["updated"] == updated
        assert "post office" in learner.notes["broker"]["Back"]
        assert "mine" in learner.notes["broker"].tags
    assert same(learner, before)


def test_a_tag_of_the_course_stands_below_its_name(tmp_path: Path) -> None:
    """A learner's other decks have tags such as `list` and `start` of their own."""
    author = Chapters(tmp_path)
    with profile(tmp_path / "profile") as learner:
        learner.take(author.build(tagged("list start")))
        assert learner.notes["broker"].tags == [
            "taskyard",
            "taskyard::list",
            "taskyard::queues",
            "taskyard::start",
        ]


def test_a_tag_of_any_other_file_stands_as_it_is_written(tmp_path: Path) -> None:
    """Its author knows what else is in the collection."""
    with profile(tmp_path / "profile") as learner:
        learner.take(Files(tmp_path).build(tagged("list start")))
        assert learner.notes["broker"].tags == ["list", "start"]


def test_the_name_above_a_tag_touches_no_note_that_a_learner_has(tmp_path: Path) -> None:
    """
    It comes with a note's next change.

    Anki takes over all of a note or nothing: an update for the sake of a tag would undo what the
    learner wrote into each note, and take their own tags away.
    """
    author = Chapters(tmp_path)
    author.build(tagged("list"))
    (part,) = release.parts_of_course(Course.discover(author.root), author.lock)
    entry = part.entries[0]
    without_root = digest(entry.kind, entry.fields, ("taskyard", "taskyard::queues", "list"))
    assert author.lock.notes["broker"].digest == without_root


# What else happens to a deck in its life.


def decks(learner: Profile) -> list[str]:
    names = (deck.name for deck in learner.collection.decks.all_names_and_ids())
    return [name for name in names if name not in ("Default", "Taskyard")]


def test_importing_the_same_release_again_changes_nothing(author, learner: Profile, before) -> None:
    """Every note is known."""
    log = learner.take(author.build(written(CARDS)))
    assert (log["new"], log["updated"], log["same"]) == (0, 0, 3)
    assert same(learner, before)


def test_a_card_moved_to_the_end_stays_what_it_was(author, learner: Profile, before) -> None:
    """An import never changes the position of a known card."""
    moved = {name: CARDS[name] for name in (*IDS[1:], IDS[0])}
    log = learner.take(author.build(written(moved)))
    assert (log["new"], log["updated"], log["same"]) == (0, 0, 3)
    assert same(learner, before)


def test_a_retired_card_says_so_where_the_learner_has_it(author, learner: Profile, before) -> None:
    """It is found by its tag; a new learner gets it in a separate deck."""
    text = written({name: CARDS[name] for name in IDS[:2]}) + "\n<!-- retired: backend -->\n"
    package = author.build(text)
    assert learner.take(package)["updated"] == 1
    assert learner.notes["backend"].tags == ["retired"]
    assert "(retired)" in learner.sides()["backend", 0][1]
    assert same(learner, before)
    with profile(learner.folder.parent / "newcomer") as newcomer:
        newcomer.take(package)
        did = newcomer.notes["backend"].cards()[0].did
        assert newcomer.collection.decks.name(did).endswith("::Retired")


def test_a_skipped_release_and_an_older_one(
    author, learner: Profile, before, tmp_path: Path
) -> None:
    """From the first to the third all changes arrive; going back changes nothing."""
    second = CARDS | {"worker": CARDS["worker"].replace("A worker.", "Version two.")}
    third = second | {"broker": CARDS["broker"].replace("the broker", "Redis")}
    old = tmp_path / "second.apkg"
    old.write_bytes(author.build(written(second)).read_bytes())
    assert learner.take(author.build(written(third)))["updated"] == 2
    assert learner.take(old)["updated"] == 0
    assert "Redis" in learner.notes["broker"]["Back"]
    assert same(learner, before)


def test_new_cards_come_in_the_order_of_the_file(author, tmp_path: Path) -> None:
    """Each has its own position, from the first."""
    with profile(tmp_path / "newcomer") as newcomer:
        newcomer.take(author.build(written(CARDS)))
        due = {name: newcomer.notes[name].cards()[0].due for name in IDS}
    assert sorted(IDS, key=due.__getitem__) == list(IDS)
    assert len(set(due.values())) == len(IDS)


def test_a_new_style_arrives_and_no_note_is_touched(tmp_path: Path, monkeypatch) -> None:
    """A larger `mod` of the note type is enough; the same `mod` keeps the learner's own style."""
    author = Chapters(tmp_path)
    with profile(tmp_path / "profile") as learner:
        learner.take(author.build(written(CARDS)))
        own = learner.collection.models.by_name("Taskyard Basic")
        own["css"] += "\n/* mine */"
        learner.collection.models.update_dict(own)
        learner.take(author.build(written(CARDS)))
        assert "/* mine */" in learner.collection.models.by_name("Taskyard Basic")["css"]
        # Anki has given the learner's own change the time of this test, whenever that is
        changed = learner.collection.models.by_name("Taskyard Basic")["mod"]
        author.now = changed + 10 * DAY_S
        monkeypatch.setattr(notetype, "STYLE", notetype.STYLE + "\n.new { color: red }")
        log = learner.take(author.build(written(CARDS)))
        assert (log["updated"], log["same"], log["conflicting"]) == (0, 3, 0)
        assert ".new {" in learner.collection.models.by_name("Taskyard Basic")["css"]


# What cannot be updated is refused before it is released.


def test_a_note_that_vanishes_is_refused_in_the_course(tmp_path: Path) -> None:
    """Anki would keep it; the message names the note and the cure."""
    author = Chapters(tmp_path)
    author.build(written(CARDS))
    with pytest.raises(TaskyardError, match="`broker` is gone") as raised:
        author.build(written({name: CARDS[name] for name in IDS[1:]}))
    assert "<!-- retired: broker -->" in raised.value.faults[0].hint


def test_a_note_that_vanishes_is_told_elsewhere(tmp_path: Path) -> None:
    """The deck is built, and the author hears of it."""
    author = Files(tmp_path)
    author.build(written(CARDS))
    author.build(written({name: CARDS[name] for name in IDS[1:]}))
    assert "the note `broker` is gone" in author.said
    assert "<!-- retired: broker -->" in author.said


@pytest.mark.parametrize("author", [Files, Chapters])
def test_another_kind_needs_another_id(author, tmp_path: Path) -> None:
    """Anki refuses a whole import for one note that changes its note type."""
    author = author(tmp_path)
    author.build(written(CARDS))
    cloze = CARDS | {"worker": "**Cloze:** A {{c1::worker}} of Celery runs tasks."}
    author_error = TaskyardError if isinstance(author, Chapters) else AssertionError
    with pytest.raises(author_error, match="was of the kind `basic`"):
        author.build(written(cloze))


def test_other_fields_of_a_note_type_are_refused(tmp_path: Path, monkeypatch) -> None:
    """With them Anki would update no note at all."""
    author = Chapters(tmp_path)
    author.build(written(CARDS))
    fields = {kind: {**known, "More": 99} for kind, known in notetype._FIELDS.items()}
    monkeypatch.setattr(notetype, "_FIELDS", fields)
    with pytest.raises(TaskyardError, match="has other fields or templates than before"):
        author.build(written(CARDS))


def test_the_name_of_a_deck_stays(tmp_path: Path) -> None:
    """A chapter with a new title keeps its deck: Anki knows it by its name."""
    author = Chapters(tmp_path)
    with profile(tmp_path / "profile") as learner:
        learner.take(author.build(written(CARDS)))
        (author.root / "chapters" / "01-queues.md").write_text("# Brokers and queues\n\nWhy?\n")
        learner.take(author.build(written(CARDS)))
        assert ["Taskyard::01 Queues"] == decks(learner)


def test_cards_in_the_plain_style_are_known_by_their_titles(tmp_path: Path) -> None:
    """The numbers in the headings may shift."""
    author = Files(tmp_path)
    text = dedent(
        """\
        # Plain

        ## Card 1: Broker
        **Front:** Where does a message of Celery wait?
        **Back:** In the broker.
        """
    )
    with profile(tmp_path / "profile") as learner:
        assert learner.take(author.build(text))["new"] == 1
        learner.study("broker")
        known = learner.learned("broker")
        first = "## Card 1: Worker\n**Front:** Who runs it?\n**Back:** A worker.\n\n"
        log = learner.take(
            author.build(text.replace("## Card 1: Broker", f"{first}## Card 2: Broker"))
        )
        assert (log["new"], log["updated"]) == (1, 0)
        assert learner.learned("broker") == known
