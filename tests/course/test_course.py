"""Discovery: what is found, and every way in which a course can be wrong."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import tiny_course
from tiny_course import write

from taskyard.course import Course
from taskyard.course.chapter_map import map_table, write_map
from taskyard.errors import Fault, TaskyardError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two chapters with their labs, nothing wrong."""
    return tiny_course.build(tmp_path)


def faults(root: Path) -> list[Fault]:
    """Return what is wrong with the names, or else with the pages; paths relative to the root."""
    try:
        found = Course.discover(root).faults()
    except TaskyardError as error:
        found = list(error.faults)
    return [
        Fault(one.what, one.path.relative_to(root) if one.path else None, one.line, one.hint)
        for one in found
    ]


def only_fault(root: Path) -> Fault:
    """Return the fault of a course that has one."""
    (fault,) = faults(root)
    return fault


# What is found


def test_chapters_and_labs_are_found_by_their_names(root: Path) -> None:
    """Number, slug, title and question come from the name and the text."""
    course = Course.discover(root)
    found = [(one.number, one.slug, one.title, one.question) for one in course.chapters]
    assert found == [
        (1, "first-task", "First task", "Where does the work go?"),
        (2, "replicas", "Replicas", "Where does the work go?"),
    ]
    assert [(lab.number, lab.slug) for lab in course.labs] == [(1, "first-task"), (2, "replicas")]
    assert course.chapters[0].notebook == root / "notebooks" / "01-first-task.ipynb"


def test_the_order_is_that_of_the_numbers(root: Path) -> None:
    """Ten comes after two, whichever was added first."""
    tiny_course.add_chapter(root, 10, "arq")
    tiny_course.add_chapter(root, 3, "beat")
    assert [chapter.number for chapter in Course.discover(root).chapters] == [1, 2, 3, 10]


def test_a_title_may_repeat_the_number(root: Path) -> None:
    """The number is not part of the title."""
    write(root / "chapters" / "01-first-task.md", "# 01 · First task\n")
    assert Course.discover(root).chapters[0].title == "First task"


def test_a_chapter_needs_no_lab_and_no_cards(root: Path) -> None:
    """A chapter grows part by part."""
    tiny_course.add_chapter(root, 3, "beat")
    cards = write(root / "cards" / "02-replicas.md", "## Replicas\n")
    first, second, third = Course.discover(root).chapters
    assert (first.cards, second.cards) == (None, cards)
    assert third.lab is None


def test_names_with_an_underscore_or_a_dot_are_skipped(root: Path) -> None:
    """Templates and caches are no chapters."""
    write(root / "chapters" / "_template.md", "no heading, [dead](link.md)")
    write(root / "chapters" / ".hidden", "")
    write(root / "labs" / "_template" / "README.md", "")
    write(root / "labs" / "__pycache__" / "x.pyc", "")
    assert len(Course.discover(root).chapters) == 2


def test_an_empty_folder_is_an_empty_course(tmp_path: Path) -> None:
    """Nothing is wrong with a course that begins."""
    assert Course.discover(tmp_path).chapters == ()


@pytest.mark.parametrize("key", [2, "2", "02", "replicas", "02-replicas"])
def test_a_lab_is_known_by_number_slug_or_both(root: Path, key: str | int) -> None:
    """`make lab-2` and a link name the same lab."""
    course = Course.discover(root)
    assert course.lab(key).slug == "replicas"
    assert course.chapter(key).slug == "replicas"


def test_an_unknown_slug_gets_the_near_one(root: Path) -> None:
    """A typing error is corrected, with or without the number."""
    for key in ("replica", "07-replica"):
        with pytest.raises(TaskyardError) as raised:
            Course.discover(root).lab(key)
        assert str(raised.value) == (
            f"error: there is no lab `{key}`\n\nhint: did you mean `replicas` (2)?"
        )


def test_an_unknown_number_gets_the_list(root: Path) -> None:
    """A number has no near miss."""
    with pytest.raises(TaskyardError) as raised:
        Course.discover(root).lab(7)
    assert raised.value.faults[0].hint == "there are 1 `first-task`, 2 `replicas`"
    with pytest.raises(TaskyardError, match="no chapter `7`"):
        Course.discover(root).chapter(7)


def test_an_empty_course_says_how_to_begin(tmp_path: Path) -> None:
    """The cure is a command."""
    with pytest.raises(TaskyardError) as raised:
        Course.discover(tmp_path).lab(1)
    assert "`make new name=work-queues`" in raised.value.faults[0].hint


# Variants


def test_variants_are_layers(root: Path, tmp_path: Path) -> None:
    """The solution is the starter plus some files, a wrong answer the solution plus some."""
    lab = Course.discover(root).lab(1)
    assert lab.variants == ("starter", "solution", "blocks")
    texts = {
        variant: (lab.assemble(variant, tmp_path / "out" / variant) / "tasks.py").read_text()
        for variant in lab.variants
    }
    assert texts == {
        "starter": "send()\n",
        "solution": "send.delay()\n",
        "blocks": "send.delay().get()\n",
    }
    assert (tmp_path / "out" / "blocks" / "compose.yaml").exists()
    assert (tmp_path / "out" / "blocks" / "shop" / "__init__.py").exists()


def test_another_right_answer_is_a_layer_above_the_solution(root: Path, tmp_path: Path) -> None:
    """It holds the files that differ from the solution, like a wrong one."""
    other = root / "labs" / "01-first-task" / "right"
    write(other / "signature" / "tasks.py", "send.s().delay()\n")
    write(other / "_draft" / "tasks.py", "send.s()\n")
    lab = Course.discover(root).lab(1)
    assert (lab.right, lab.wrong) == (("signature",), ("blocks",))
    assert lab.variants == ("starter", "solution", "signature", "blocks")
    folder = lab.assemble("signature", tmp_path / "out")
    assert (folder / "tasks.py").read_text() == "send.s().delay()\n"
    assert (folder / "shop" / "__init__.py").exists()


@pytest.mark.parametrize("name", ["starter", "solution", "blocks"])
def test_a_variant_has_a_name_of_its_own(root: Path, name: str) -> None:
    """A name that two variants share would be ambiguous."""
    write(root / "labs" / "01-first-task" / "right" / name / "tasks.py", "send.apply()\n")
    fault = only_fault(root)
    assert fault.what == f"lab `01-first-task` has 2 variants `{name}`"
    assert fault.hint == "rename the folder in `right/` or in `wrong/`"


def test_an_assembled_folder_is_readable_in_a_container(root: Path, tmp_path: Path) -> None:
    """Whatever the umask, another user may read; a start script stays executable."""
    lab = Course.discover(root).lab(1)
    write(lab.starter / "start.sh", "#!/bin/sh\n").chmod(0o700)
    (lab.starter / "tasks.py").chmod(0o600)
    before = os.umask(0o077)
    try:
        folder = lab.assemble("starter", tmp_path / "deep" / "er")
    finally:
        os.umask(before)
    modes = {
        name: (folder / name).stat().st_mode & 0o777
        for name in ("", "shop", "tasks.py", "start.sh")
    }
    assert modes == {
        "": 0o755,
        "shop": 0o755,
        "tasks.py": 0o644,
        "start.sh": 0o755,
    }


def test_caches_are_not_part_of_a_variant(root: Path) -> None:
    """A compiled file of the author's does not reach the learner."""
    lab = Course.discover(root).lab(1)
    write(lab.starter / "__pycache__" / "tasks.pyc", "")
    assert sorted(map(str, lab.files("starter"))) == [
        "compose.yaml",
        "shop/__init__.py",
        "tasks.py",
    ]


def test_an_example_of_secrets_becomes_the_env_file(root: Path, tmp_path: Path) -> None:
    """The fake values are there at once, under both names."""
    lab = Course.discover(root).lab(1)
    write(lab.starter / ".env.example", "PASSWORD=not-a-real-one\n")
    folder = lab.assemble("starter", tmp_path / "out")
    assert (folder / ".env").read_text() == "PASSWORD=not-a-real-one\n"


def test_an_unknown_variant_gets_the_near_one(root: Path) -> None:
    """The list is there when nothing is near."""
    lab = Course.discover(root).lab(1)
    for variant, hint in (
        ("block", "did you mean `blocks`?"),
        ("xyz", "there are `starter`, `solution`, `blocks`"),
    ):
        with pytest.raises(TaskyardError, match=f"no variant `{variant}`") as raised:
            lab.files(variant)
        assert raised.value.faults[0].hint == hint


# Names


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("03-Work Queues.md", "did you mean `03-work-queues.md`?"),
        ("3-beat.md", "did you mean `03-beat.md`?"),
        ("beat.md", "name it by number and slug, such as `07-work-queues`"),
    ],
)
def test_a_chapter_with_a_bad_name_gets_a_good_one(root: Path, name: str, hint: str) -> None:
    """The cure is the name to use."""
    write(root / "chapters" / name, "# Beat\n")
    fault = only_fault(root)
    assert (fault.what, fault.path) == (
        f"the name `{name}` is not `NN-slug`",
        Path("chapters") / name,
    )
    assert fault.hint.startswith(hint)


def test_what_is_no_chapter_does_not_lie_among_them(root: Path) -> None:
    """A text with another ending is not passed over in silence."""
    write(root / "chapters" / "03-beat.txt", "# Beat\n")
    write(root / "labs" / "notes.md", "")
    assert [(one.what, one.hint) for one in faults(root)] == [
        (
            "`03-beat.txt` is not a chapter, and only these lie in `chapters/`",
            "move it away, or name it `_03-beat.txt` to have it skipped",
        ),
        (
            "`notes.md` is not a lab's folder, and only these lie in `labs/`",
            "move it away, or name it `_notes.md` to have it skipped",
        ),
    ]


def test_a_lab_with_a_bad_name_gets_a_good_one(root: Path) -> None:
    """Labs are folders with the name of their chapter."""
    (root / "labs" / "03_beat").mkdir()
    assert only_fault(root).hint == "did you mean `03-beat`?"


def test_a_notebook_with_a_bad_name_is_a_fault_and_other_files_are_not(root: Path) -> None:
    """A folder of notebooks also holds settings."""
    write(root / "notebooks" / "conftest.py", "")
    write(root / "notebooks" / "Untitled.ipynb", "")
    assert only_fault(root).what == "the name `Untitled.ipynb` is not `NN-slug`"


def test_a_number_is_used_once(root: Path) -> None:
    """The cure renumbers the newcomer, as a command that works."""
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    tiny_course.add_chapter(root, 2, "zebra")
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    fault = only_fault(root)
    assert fault.what == "number 02 is used twice: `02-replicas.md` has it too"
    command = fault.hint.split("`")[1]
    assert command == "git mv chapters/02-zebra.md chapters/03-zebra.md"
    subprocess.run(command.split(), cwd=root, check=True)
    assert [chapter.slug for chapter in Course.discover(root).chapters][-1] == "zebra"


def test_a_slug_is_used_once(root: Path) -> None:
    """Progress and links know a chapter by its slug."""
    tiny_course.add_chapter(root, 3, "replicas")
    fault = only_fault(root)
    assert fault.what == "slug `replicas` is used twice: `02-replicas.md` has it too"
    assert fault.path == Path("chapters/03-replicas.md")


# What belongs to a chapter


@pytest.mark.parametrize(
    ("path", "kind"),
    [("cards/03-beat.md", "card file"), ("notebooks/03-beat.ipynb", "notebook")],
)
def test_what_has_no_chapter_is_a_fault(root: Path, path: str, kind: str) -> None:
    """A lab, card file or notebook belongs to a chapter."""
    write(root / path, "# x\n")
    fault = only_fault(root)
    assert fault.what == f"{kind} `{Path(path).name}` has no chapter"
    assert fault.hint == "add `chapters/03-beat.md`, or remove it"


def test_a_lab_under_another_number_gets_a_command(root: Path) -> None:
    """After a renumbering the rest follows with `git mv`, which the message spells out."""
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    write(root / "labs" / "02-replicas" / "README.md", "# 03 · Replicas\n")
    move = ["git", "mv", "chapters/02-replicas.md", "chapters/03-replicas.md"]
    subprocess.run(move, cwd=root, check=True)
    fault = only_fault(root)
    assert fault.what == "lab `02-replicas` has no chapter"
    command = fault.hint.split("`")[1]
    assert command == "git mv labs/02-replicas labs/03-replicas"
    subprocess.run(command.split(), cwd=root, check=True)
    assert Course.discover(root).lab(3).slug == "replicas"


def test_a_lab_with_a_misspelt_slug_gets_the_near_one(root: Path) -> None:
    """An extra letter is recognised."""
    (root / "labs" / "02-replicas").rename(root / "labs" / "02-repplicas")
    write(root / "labs" / "02-repplicas" / "README.md", "")
    assert only_fault(root).hint == "did you mean `labs/02-replicas`?"


@pytest.mark.parametrize("part", ["README.md", "demo.py", "check.py", "expect.toml"])
def test_a_lab_has_all_its_files(root: Path, part: str) -> None:
    """The message names the part and where to see one."""
    (root / "labs" / "01-first-task" / part).unlink()
    fault = only_fault(root)
    assert fault.what == f"lab `01-first-task` has no `{part}`"
    assert fault.hint == f"add it; `labs/_template/{part}` is an example"


@pytest.mark.parametrize("part", ["starter", "solution"])
def test_a_lab_has_all_its_folders(root: Path, part: str) -> None:
    """Without them there is nothing to do, or nothing to compare with."""
    (root / "labs" / "01-first-task" / part).rename(root / "elsewhere")
    assert only_fault(root).what == f"lab `01-first-task` has no `{part}`"


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("", "the chapter's first heading is not its title", 1),
        ("## Deep\n\n# Late\n", "the chapter's first heading is not its title", 1),
    ],
)
def test_a_chapter_begins_with_its_title(root: Path, text: str, what: str, line: int) -> None:
    """The map and the notebook take it from there."""
    write(root / "chapters" / "02-replicas.md", text)
    fault = only_fault(root)
    assert (fault.what, fault.line) == (what, line)
    assert fault.hint == "begin it with a line such as `# Replicas`"


def test_a_page_that_is_not_text_is_said_once(root: Path) -> None:
    """Two checks read a chapter; the author reads one message."""
    (root / "chapters" / "02-replicas.md").write_bytes(b"# Caf\xe9\n")
    fault = only_fault(root)
    assert fault.what.startswith("the file is not UTF-8 text")
    assert fault.hint == "save it as UTF-8"


# expect.toml


def expect(root: Path, text: str) -> list[tuple[str, int | None, str]]:
    """Write the first lab's `expect.toml` and return what is wrong with it."""
    write(root / "labs" / "01-first-task" / "expect.toml", text)
    found = faults(root)
    assert {one.path for one in found} == {Path("labs/01-first-task/expect.toml")}
    return [(one.what, one.line, one.hint) for one in found]


def test_expectations_are_read(root: Path) -> None:
    """One for the starter, one for each wrong answer."""
    expected = Course.discover(root).lab(1).expectations()
    assert list(expected) == ["starter", "blocks"]
    assert expected["blocks"].message == "blocked"


def test_expect_toml_must_be_toml(root: Path) -> None:
    """The line is that of the fault."""
    ((what, line, hint),) = expect(root, "[starter]\nrequirement = \n")
    assert what.startswith("this is not TOML: ")
    assert (line, hint) == (2, "see CONTRIBUTING.md for the form of `expect.toml`")


def test_expect_toml_names_the_starter_and_every_wrong_answer(root: Path) -> None:
    """Neither more nor less; a near miss is recognised."""
    text = tiny_course.EXPECT.replace("[starter]", "[extra]").replace("[blocks]", "[block]")
    assert expect(root, text) == [
        (
            "the table `starter` is missing: it says how this variant is rejected",
            None,
            "add a table `[starter]` with `requirement` and `message`",
        ),
        (
            "the table `blocks` is missing: it says how this variant is rejected",
            None,
            "add a table `[blocks]` with `requirement` and `message`",
        ),
        ("`extra` is neither the starter nor a folder of `wrong/`", 1, "remove it"),
        (
            "`block` is neither the starter nor a folder of `wrong/`",
            5,
            "did you mean `blocks`?",
        ),
    ]


def test_a_right_answer_is_not_expected_to_fail(root: Path) -> None:
    """`expect.toml` says how variants are rejected, and it is not."""
    write(root / "labs" / "01-first-task" / "right" / "signature" / "tasks.py", "")
    table = '\n[signature]\nrequirement = "x"\nmessage = "y"\n'
    assert expect(root, tiny_course.EXPECT + table) == [
        ("`signature` is a right answer, which must not be rejected", 9, "remove it")
    ]


def test_an_expectation_may_name_the_one_engine_that_rejects(root: Path) -> None:
    """What only containers can show is rejected by Docker alone."""
    path = root / "labs" / "01-first-task" / "expect.toml"
    write(path, tiny_course.EXPECT + 'engine = "docker"\n')
    expected = Course.discover(root).lab(1).expectations()
    assert [one.engine for one in expected.values()] == ["", "docker"]


@pytest.mark.parametrize(
    "entry",
    [
        'message = "x"',
        'requirement = "x"\nmessage = " "',
        "x = 1",
        'requirement = "x"\nmessage = "y"\nengine = "podman"',
    ],
)
def test_an_expectation_is_complete(root: Path, entry: str) -> None:
    """A requirement and a message, and nothing that would be dropped."""
    text = tiny_course.EXPECT[: tiny_course.EXPECT.index("[blocks]")] + f"[blocks]\n{entry}\n"
    ((what, line, _),) = expect(root, text)
    assert what == "`blocks` must hold `requirement` and `message`, and may hold `engine`"
    assert line == 5


# Links


def link(root: Path, text: str) -> Fault:
    """Put a paragraph into chapter 02, from line 3 on, and return the one fault."""
    write(root / "chapters" / "02-replicas.md", f"# Replicas\n\n{text}\n")
    return only_fault(root)


def test_a_dead_link_is_a_fault_with_its_line(root: Path) -> None:
    """The line is that of the link, not of its paragraph."""
    fault = link(root, "one\n[two](../nowhere/x.md)")
    assert fault.what == "the link `../nowhere/x.md` is dead: there is no such file"
    assert (fault.path, fault.line) == (Path("chapters/02-replicas.md"), 4)
    assert fault.hint == "correct it, or add the file"


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", "GLOSSARY.md", "labs/01-first-task/README.md"],
)
def test_every_page_s_links_are_checked(root: Path, page: str) -> None:
    """Not the chapters alone."""
    write(root / page, "[x](gone.md)\n")
    assert only_fault(root).path == Path(page)


def test_all_faults_come_at_once(root: Path) -> None:
    """An author mends the names in one go, and then the pages."""
    bad = write(root / "chapters" / "Bad.md", "")
    demo = root / "labs" / "01-first-task" / "demo.py"
    demo.unlink()
    orphan = write(root / "cards" / "09-x.md", "[x](gone.md)\n")
    text = "\n".join(one.what for one in faults(root))
    assert [word in text for word in ("Bad.md", "demo.py", "09-x.md")] == [True] * 3
    bad.unlink()
    orphan.rename(root / "cards" / "01-first-task.md")
    write(demo, "")
    write(root / "chapters" / "02-replicas.md", "## Late\n")
    write(root / "labs" / "02-replicas" / "expect.toml", "")
    text = "\n".join(one.what for one in faults(root))
    assert [word in text for word in ("gone.md", "title", "`blocks`")] == [True] * 3


def test_an_author_s_mistake_stops_no_learner(root: Path) -> None:
    """With every kind of mistake in the pages, labs are found, and so are titles for a list."""
    write(root / "README.md", "[x](gone.md)\n")
    write(root / "labs" / "01-first-task" / "expect.toml", "[starter\n")
    write(root / "chapters" / "02-replicas.md", "[x](#nowhere)\n")
    course = Course.discover(root)
    assert [lab.slug for lab in course.labs] == ["first-task", "replicas"]
    assert [chapter.title for chapter in course.chapters] == ["First task", "Replicas"]
    assert [one.path and one.path.name for one in course.faults()] == [
        "expect.toml",
        "02-replicas.md",
        "README.md",
        "02-replicas.md",
    ]


def test_a_course_is_found_without_a_look_into_its_pages(root: Path) -> None:
    """Every command begins with this: what it costs must not grow with the text."""
    for path in (root / "chapters").iterdir():
        path.write_bytes(b"\xe9")  # no text: whoever reads it says so
    assert len(Course.discover(root).labs) == 2


# The map


def test_the_map_lists_what_is_found(root: Path) -> None:
    """A chapter without a lab has an empty last cell."""
    tiny_course.add_chapter(root, 3, "beat")
    assert map_table(Course.discover(root)) == (
        "| | Chapter | The question it answers | Its lab |\n"
        "|---|---|---|---|\n"
        "| 01 | [First task](notebooks/01-first-task.ipynb) | Where does the work go? "
        "| [`make lab-1`](labs/01-first-task/README.md) |\n"
        "| 02 | [Replicas](notebooks/02-replicas.ipynb) | Where does the work go? "
        "| [`make lab-2`](labs/02-replicas/README.md) |\n"
        "| 03 | [Beat](notebooks/03-beat.ipynb) | Where does the work go? |  |\n"
    )


def test_the_map_is_written_between_its_marks(root: Path) -> None:
    """The rest of the page stays, and writing twice changes nothing."""
    course = Course.discover(root)
    assert write_map(course) == root / "README.md"
    text = (root / "README.md").read_text()
    assert text == f"# Course\n\n<!-- map -->\n\n{map_table(course)}\n<!-- /map -->\n\nThe end.\n"
    assert write_map(course) is None
    tiny_course.add_chapter(root, 3, "beat")
    assert write_map(Course.discover(root)) is not None
    assert (root / "README.md").read_text().count("# Course") == 1


@pytest.mark.parametrize(
    "text",
    [
        "# Course\n",
        "<!-- /map -->\n\n<!-- map -->\n",
        "```text\n<!-- map -->\n<!-- /map -->\n```\n",
    ],
)
def test_a_page_without_the_marks_is_left_alone(root: Path, text: str) -> None:
    """Marks in code are an example, not a place."""
    write(root / "README.md", text)
    with pytest.raises(TaskyardError, match="no place for the map") as raised:
        write_map(Course.discover(root))
    assert "`<!-- map -->`" in raised.value.faults[0].hint
    assert (root / "README.md").read_text() == text


def test_a_map_needs_a_readme(root: Path) -> None:
    """The table needs a file to be written into."""
    (root / "README.md").unlink()
    with pytest.raises(TaskyardError, match=r"no README\.md"):
        write_map(Course.discover(root))
