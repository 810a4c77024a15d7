"""A new chapter: all of it or nothing, and what it makes passes the content tests."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import inner_pytest
import pytest
import tiny_course
from tiny_course import write

from taskyard.course import Course
from taskyard.course.template import create
from taskyard.errors import TaskyardError
from taskyard.files import ROOT

TEMPLATES = ("chapters/_template.md", "labs/_template", "cards/_template.md")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two chapters, and the templates of this course."""
    root = tiny_course.build(tmp_path / "course")
    copy(root, *TEMPLATES)
    return root


def copy(root: Path, *names: str) -> None:
    """Copy files and folders of this repository."""
    for name in names:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, root / name, ignore=ignored, dirs_exist_ok=True)
        elif source.exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, root / name)


def everything(root: Path) -> list[str]:
    """List what lies in the course, folders too."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


def refused(root: Path, slug: str) -> tuple[str, str]:
    """Return message and cure; whatever was wrong, nothing was written."""
    before = everything(root)
    with pytest.raises(TaskyardError) as raised:
        create(Course.discover(root), slug)
    assert everything(root) == before
    (fault,) = raised.value.faults
    return fault.what, fault.hint


def test_a_chapter_gets_the_next_number_in_all_its_files(root: Path) -> None:
    """Discovery finds it at once, and no placeholder is left."""
    written = create(Course.discover(root), "work-queues")
    assert {path.relative_to(root).parts[1].partition(".")[0] for path in written} == {
        "03-work-queues"
    }
    course = Course.discover(root)
    chapter = course.chapter("work-queues")
    assert (chapter.number, chapter.title) == (3, "Work queues")
    assert chapter.lab is not None
    assert chapter.cards == root / "cards" / "03-work-queues.md"
    assert (len(chapter.lab.wrong), len(chapter.lab.right)) == (3, 1)
    assert chapter.lab.readme in written
    text = "\n".join(path.read_text() for path in written)
    assert re.findall(r"\{\{\w+\}\}", text) == []
    assert "make lab-3" in text


def test_the_first_chapter_is_number_one(tmp_path: Path) -> None:
    """A course may begin with it."""
    copy(tmp_path, *TEMPLATES)
    create(Course.discover(tmp_path), "beat")
    assert Course.discover(tmp_path).chapters[0].number == 1


def test_modes_of_the_templates_are_kept(root: Path) -> None:
    """A start script starts."""
    write(root / "labs/_template/starter/start.sh", "#!/bin/sh\n").chmod(0o755)
    create(Course.discover(root), "beat")
    assert (root / "labs/03-beat/starter/start.sh").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("slug", "what", "hint"),
    [
        ("", "the chapter has no name", "`make new name=work-queues`"),
        ("Work Queues", "`Work Queues` cannot name a chapter", "`make new name=work-queues`"),
        ("work_queues", "`work_queues` cannot name a chapter", "`make new name=work-queues`"),
        ("work--queues", "`work--queues` cannot name a chapter", "`make new name=work-queues`"),
        ("../beat", "`../beat` cannot name a chapter", "`make new name=beat`"),
        ("03-beat", "`03-beat` begins with a number", "`make new name=beat`"),
        ("7", "`7` cannot name a chapter", "`make new name=work-queues`"),
        ("…", "`…` cannot name a chapter", "`make new name=work-queues`"),
    ],
)
def test_a_bad_name_gets_a_command_with_a_good_one(
    root: Path, slug: str, what: str, hint: str
) -> None:
    """The command works as it stands."""
    said, cure = refused(root, slug)
    assert said.startswith(what)
    assert cure == hint
    create(Course.discover(root), cure.strip("`").partition("=")[2])


def test_a_name_that_is_taken_gets_a_free_one(root: Path) -> None:
    """Not one that is taken as well."""
    tiny_course.add_chapter(root, 3, "replicas-2")
    what, hint = refused(root, "replicas")
    assert what == "there is a chapter `replicas` already"
    assert hint == "edit that one, or choose another name: `make new name=replicas-3`"


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_missing_template_is_an_error(root: Path, template: str) -> None:
    """Half a chapter is no chapter."""
    (root / template).rename(root / "away")
    what, hint = refused(root, "beat")
    assert what == "this template is missing"
    assert hint == f"`git checkout -- {template}`"


def test_nothing_is_overwritten(root: Path) -> None:
    """A folder that discovery skips may be in the way."""
    write(root / "cards" / "03-beat.md" / "notes", "mine\n")
    assert refused(root, "beat") == ("this exists already", "move it away")


def test_after_number_99_there_is_none(root: Path) -> None:
    """Two digits are two digits."""
    tiny_course.add_chapter(root, 99, "last")
    what, _ = refused(root, "beat")
    assert what == "number 99 is taken, and a number has two digits"


def test_a_disk_that_refuses_leaves_nothing_behind(root: Path) -> None:
    """Chapter and half of the lab are written when a file turns out to be too large."""
    write(root / "labs" / "_template" / "wrong" / "z" / "data.csv", "1,1250\n" * 1000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, hard))
    try:
        what, hint = refused(root, "beat")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert what == "the chapter cannot be written: file too large"
    assert hint.endswith("nothing was left behind")


def test_a_name_that_is_too_long_leaves_nothing_behind(root: Path) -> None:
    """The file system has the last word."""
    assert refused(root, "a" * 250)[0] == "the chapter cannot be written: file name too long"


@pytest.mark.slow
def test_a_new_chapter_passes_the_content_tests_apart_from_its_todos(tmp_path: Path) -> None:
    """In a copy of the course, every variant of its lab runs on the local engine as well."""
    root = tmp_path / "course"
    beside = [f"tests/{path.name}" for path in ROOT.glob("tests/*.py")]
    helpers = [name for name in beside if not name.startswith("tests/test_")]
    names = (
        "src",
        "tests/content",
        "tests/claims",
        "chapters",
        "labs",
        "cards",
        "notebooks",
        "requirements",
    )
    pages = ("README.md", "CONTRIBUTING.md", "GLOSSARY.md", "LICENSE", "Makefile")
    copy(
        root,
        *names,
        *pages,
        *helpers,
        "docs",
        "conftest.py",
        "docker-compose.yml",
        "pyproject.toml",
        "sanitize.cfg",
    )
    steps = (["new", "work-queues"], ["notebooks", "work-queues"], ["map"], ["cards", "lock"])
    for command in steps:
        done = run_in(root, "-m", "taskyard", *command)
        assert done.returncode == 0, done.stderr
    options = ["-p", "no:cacheprovider", "-q", "-m", "not docker", "-k", "work-queues or map"]
    done = run_in(root, "-m", "pytest", *options, "tests/content")
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    todo = r"tests/content/test_prose\.py::test_no_todo_is_left\[\d\d-work-queues\]"
    assert [name for name in failed if not re.fullmatch(todo, name)] == [], done.stdout
    assert len(failed) == 1, done.stdout
    counts = re.search(r"(\d+) passed", done.stdout)
    assert counts, done.stdout
    assert int(counts[1]) > 30, done.stdout


def run_in(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python with the package of the copy."""
    outer = ("PYTEST_ADDOPTS", "TASKYARD_WORK", "TASKYARD_REQUIRE")
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    environment |= inner_pytest.ENVIRONMENT
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env={**environment, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
