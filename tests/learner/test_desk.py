"""The desk: nothing that a learner wrote is lost, and the learner is told what was kept."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from random import random

import pytest
import tiny_course
from tiny_course import write

from taskyard.course import Course, Lab
from taskyard.errors import TaskyardError
from taskyard.files import ROOT
from taskyard.learner import desk as desk_module
from taskyard.learner.desk import Desk

KILLED_IN_MID_WRITE = """
import os, sys
from pathlib import Path
from taskyard.learner import progress
from taskyard.course import Course
from taskyard.learner.desk import Desk

os.fsync = lambda _file: os._exit(9)  # the moment between the bytes and their name
course = Course.discover(Path(sys.argv[1]))
Desk(course).record(course.lab(1), "passed")
"""

RESET_WITHOUT_ROOM = """
import resource, sys
from pathlib import Path
from taskyard.course import Course
from taskyard.learner.desk import Desk

course = Course.discover(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
Desk(course).reset(course.lab(1))
"""


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """Two chapters with their labs."""
    return Course.discover(tiny_course.build(tmp_path / "course"))


@pytest.fixture
def lab(course: Course) -> Lab:
    """The first lab."""
    return course.lab(1)


@pytest.fixture
def desk(course: Course, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The desk in its usual place."""
    monkeypatch.delenv("TASKYARD_WORK", raising=False)
    return Desk(course)


def text(path: Path) -> str:
    """Return what a file says."""
    return path.read_text(encoding="utf-8")


def everything(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# Where it is


def test_it_knows_each_file_as_the_learner_got_it(desk: Desk, lab: Lab) -> None:
    """Also when the learner has edited it, and when the starter is another one today."""
    assert {} == desk.handed_out(lab)
    (tasks,) = desk.folder(lab).glob("tasks.py")
    handed = desk.handed_out(lab)
    assert hashlib.sha256(tasks.read_bytes()).hexdigest() == handed["tasks.py"]
    tasks.write_text("# mine\n")
    write(lab.folder / "starter" / "tasks.py", "# newer\n")
    desk.folder(lab)
    assert handed == desk.handed_out(lab)


def test_the_desk_is_work_in_the_course(desk: Desk, course: Course, lab: Lab) -> None:
    """Files are found by slug: a renumbering changes nothing."""
    assert desk.folder(lab) == course.root / "work" / "labs" / "first-task"


def test_the_desk_moves_with_its_variable(
    course: Course, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path counts from the working directory, once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TASKYARD_WORK", "elsewhere")
    desk = Desk(course)
    monkeypatch.chdir("/")
    assert desk.folder(lab) == tmp_path / "elsewhere" / "labs" / "first-task"


# The copy


def test_the_first_use_copies_the_starter(desk: Desk, lab: Lab) -> None:
    """It prints nothing about it."""
    assert sorted(everything(desk.folder(lab))) == ["compose.yaml", "shop/__init__.py", "tasks.py"]
    assert desk.notices(lab) == []


def test_later_uses_leave_the_files_alone(desk: Desk, lab: Lab) -> None:
    """Edits, additions and removals are kept."""
    folder = desk.folder(lab)
    write(folder / "tasks.py", "mine\n")
    write(folder / "notes.md", "mine too\n")
    (folder / "compose.yaml").unlink()
    before = everything(folder)
    assert everything(desk.folder(lab)) == before


def test_the_env_file_has_the_fake_values_and_is_kept_when_edited(desk: Desk, lab: Lab) -> None:
    """The learner's `.env` is theirs."""
    write(lab.starter / ".env.example", "PASSWORD=not-a-real-one\n")
    folder = desk.folder(lab)
    assert text(folder / ".env") == "PASSWORD=not-a-real-one\n"
    write(folder / ".env", "PASSWORD=mine\n")
    assert text(desk.folder(lab) / ".env") == "PASSWORD=mine\n"


def test_a_copy_that_was_cut_does_not_count(desk: Desk, lab: Lab) -> None:
    """A run that was killed in mid-copy leaves no half starter behind."""
    write(desk.root / "labs" / ".first-task.new" / "tasks.py", "half\n")
    assert text(desk.folder(lab) / "tasks.py") == "send()\n"
    assert [path.name for path in (desk.root / "labs").iterdir()] == ["first-task"]


def test_a_file_in_the_folder_s_place_is_not_overwritten(desk: Desk, lab: Lab) -> None:
    """The cure is a command that works."""
    write(desk.root / "labs" / "first-task", "a file\n")
    with pytest.raises(TaskyardError, match="not a folder") as raised:
        desk.folder(lab)
    command = raised.value.faults[0].hint.split("`")[1]
    subprocess.run(command.split(), check=True)
    assert desk.folder(lab).is_dir()
    assert text(desk.root / "labs" / "first-task.1") == "a file\n"


# When the course's starter changes


def test_an_untouched_copy_is_renewed(desk: Desk, lab: Lab) -> None:
    """Changed, new and removed files of the starter arrive; the learner is told once."""
    folder = desk.folder(lab)
    write(folder / "notes.md", "mine\n")
    write(lab.starter / "tasks.py", "better\n")
    write(lab.starter / "new.py", "new\n")
    (lab.starter / "compose.yaml").unlink()
    desk.folder(lab)
    assert everything(folder) == {
        "new.py": b"new\n",
        "notes.md": b"mine\n",
        "shop/__init__.py": b"",
        "tasks.py": b"better\n",
    }
    (notice,) = desk.notices(lab)
    assert notice.startswith("the starter of lab 1 has changed; your copy in")
    assert desk.notices(lab) == []
    desk.folder(lab)
    assert desk.notices(lab) == []


def test_an_edited_copy_is_left_alone_and_that_is_said_once(course: Course, lab: Lab) -> None:
    """Once for each change of the starter, not once for each command."""
    folder = Desk(course).folder(lab)
    write(folder / "compose.yaml", "mine\n")
    write(lab.starter / "tasks.py", "better\n")
    before = everything(folder)
    said = []
    for _ in range(3):
        desk = Desk(course)
        desk.folder(lab)
        said.append(desk.notices(lab))
    assert everything(folder) == before
    assert [len(notices) for notices in said] == [1, 0, 0]
    assert "are left as they are. `make reset-1` brings the new starter" in said[0][0]
    write(lab.starter / "tasks.py", "better still\n")
    desk.folder(lab)
    assert len(desk.notices(lab)) == 1


def test_a_removed_file_is_an_edit(desk: Desk, lab: Lab) -> None:
    """What the learner threw away does not come back by itself."""
    folder = desk.folder(lab)
    (folder / "compose.yaml").unlink()
    write(lab.starter / "tasks.py", "better\n")
    desk.folder(lab)
    assert text(folder / "tasks.py") == "send()\n"


@pytest.mark.parametrize("mine", ["new.py", "new.py/inside.txt", "deep"])
def test_a_new_starter_file_never_replaces_one_of_the_learner_s(
    desk: Desk, lab: Lab, mine: str
) -> None:
    """Neither a file of that name, nor a folder of that name, nor a file where a folder must be."""
    folder = desk.folder(lab)
    write(folder / mine, "mine\n")
    write(lab.starter / "new.py", "the course's\n")
    write(lab.starter / "deep" / "er.py", "the course's\n")
    before = everything(folder)
    desk.folder(lab)
    assert everything(folder) == before
    assert "left as they are" in desk.notices(lab)[0]


def test_a_renewal_that_was_cut_is_finished(desk: Desk, lab: Lab) -> None:
    """Files that are the new ones already are no edits."""
    folder = desk.folder(lab)
    write(lab.starter / "tasks.py", "better\n")
    write(lab.starter / "compose.yaml", "services: {a: {}}\n")
    write(folder / "tasks.py", "better\n")
    desk.folder(lab)
    assert text(folder / "compose.yaml") == "services: {a: {}}\n"


def test_a_save_just_before_a_file_is_renewed_is_kept(
    desk: Desk, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The learner saves after all files were looked at, and before they are replaced."""
    folder = desk.folder(lab)
    write(lab.starter / "tasks.py", "better\n")
    digests = desk_module._digests

    def save_after_the_look(files: Mapping[Path, Path]) -> dict[str, str]:
        found = digests(files)
        if folder / "tasks.py" in files.values():
            write(folder / "tasks.py", "mine\n")
        return found

    monkeypatch.setattr(desk_module, "_digests", save_after_the_look)
    desk.folder(lab)
    assert text(folder / "tasks.py") == "mine\n"
    (notice,) = desk.notices(lab)
    assert "are left as they are" in notice


@pytest.mark.parametrize("way", ["in place", "by another name"])
def test_a_save_at_any_moment_of_a_renewal_is_kept(course: Course, lab: Lab, way: str) -> None:
    """Editors save in both ways; a hundred of their saves meet a hundred renewals."""
    desk = Desk(course)
    place = desk.folder(lab) / "tasks.py"
    lost = []
    for number in range(100):
        desk.reset(lab)
        write(lab.starter / "tasks.py", f"better {number}\n")
        mine = f"mine {number}\n"
        saver = threading.Thread(target=save, args=(place, mine, way, random() * 0.01))
        saver.start()
        desk.folder(lab)
        saver.join()
        held = [text(path) for path in place.parent.glob("*tasks.py*")]
        if mine not in held:
            lost.append((mine, held))
        for path in place.parent.glob("*tasks.py*"):
            path.unlink()
    assert lost == []


def save(path: Path, content: str, way: str, after_s: float) -> None:
    """Write a file as an editor does."""
    time.sleep(after_s)  # which moment it meets is left to chance
    if way == "in place":
        path.write_text(content)
    else:
        new = path.with_name("tasks.py~")
        new.write_text(content)
        new.replace(path)


def test_a_renewal_that_was_killed_between_two_names_is_finished(desk: Desk, lab: Lab) -> None:
    """The file that it had moved aside comes back, and is renewed."""
    folder = desk.folder(lab)
    write(lab.starter / "tasks.py", "better\n")
    (folder / "tasks.py").rename(folder / ".tasks.py.aside")
    desk.folder(lab)
    assert text(folder / "tasks.py") == "better\n"
    assert not (folder / ".tasks.py.aside").exists()


@pytest.mark.parametrize("memory", [None, "{", "[]", '{"files": 1, "told": ""}'])
def test_a_desk_without_memory_keeps_its_files(desk: Desk, lab: Lab, memory: str | None) -> None:
    """If the record of the copy is lost, everything belongs to the learner."""
    folder = desk.folder(lab)
    write(folder / "tasks.py", "mine\n")
    path = desk.root / ".starters" / "first-task.json"
    if memory is None:
        path.unlink()
    else:
        write(path, memory)
    write(lab.starter / "tasks.py", "better\n")
    for _ in range(2):
        assert text(desk.folder(lab) / "tasks.py") == "mine\n"


# Reset


def test_reset_keeps_the_old_folder_beside(desk: Desk, lab: Lab) -> None:
    """Every reset keeps its own."""
    kept = []
    for round_ in ("first", "second"):
        write(desk.folder(lab) / "tasks.py", f"{round_}\n")
        kept.append(desk.reset(lab))
        assert text(desk.folder(lab) / "tasks.py") == "send()\n"
    assert kept == [desk.root / "labs" / "first-task.1", desk.root / "labs" / "first-task.2"]
    assert [text(path / "tasks.py") for path in kept if path] == ["first\n", "second\n"]


def test_reset_on_a_full_disk_moves_nothing(desk: Desk, lab: Lab) -> None:
    """The copy of the starter comes first: where it fails, the learner's files are in place."""
    folder = desk.folder(lab)
    write(folder / "tasks.py", "mine\n")
    write(lab.starter / "large.txt", "x" * 100_000)
    full = [sys.executable, "-c", RESET_WITHOUT_ROOM, str(desk.course.root)]
    told = subprocess.run(full, cwd=ROOT, capture_output=True, text=True)
    assert "your folder `work/` cannot be used: file too large" in told.stderr
    assert [path.name for path in folder.parent.iterdir() if path.name[0] != "."] == ["first-task"]
    assert text(folder / "tasks.py") == "mine\n"


def test_reset_never_takes_a_name_that_is_taken(desk: Desk, lab: Lab) -> None:
    """Not even that of a link that leads nowhere."""
    write(desk.folder(lab) / "tasks.py", "mine\n")
    (desk.root / "labs" / "first-task.1").symlink_to("nowhere")
    (desk.root / "labs" / "first-task.2").mkdir()
    assert desk.reset(lab) == desk.root / "labs" / "first-task.3"


def test_reset_of_an_untouched_copy_keeps_nothing(desk: Desk, lab: Lab) -> None:
    """It holds nothing that the course does not have."""
    assert desk.reset(lab) is None
    assert desk.reset(lab) is None
    write(desk.folder(lab) / "__pycache__" / "tasks.pyc", "")
    assert desk.reset(lab) is None
    assert text(desk.folder(lab) / "tasks.py") == "send()\n"


def test_reset_brings_the_starter_of_today(desk: Desk, lab: Lab) -> None:
    """Afterwards the copy counts as untouched again."""
    write(desk.folder(lab) / "tasks.py", "mine\n")
    write(lab.starter / "tasks.py", "better\n")
    desk.reset(lab)
    assert text(desk.folder(lab) / "tasks.py") == "better\n"
    write(lab.starter / "tasks.py", "best\n")
    assert text(desk.folder(lab) / "tasks.py") == "best\n"


# The solution


def test_the_difference_leads_from_the_learner_to_the_solution(desk: Desk, lab: Lab) -> None:
    """As a unified diff; files of the learner's own are left out."""
    folder = desk.folder(lab)
    write(folder / "notes.md", "mine\n")
    (folder / "compose.yaml").unlink()
    assert desk.diff(lab) == (
        "--- /dev/null\n"
        "+++ solution/compose.yaml\n"
        "@@ -0,0 +1 @@\n"
        "+services: {}\n"
        "--- yours/tasks.py\n"
        "+++ solution/tasks.py\n"
        "@@ -1 +1 @@\n"
        "-send()\n"
        "+send.delay()\n"
    )


def test_the_difference_is_a_patch(desk: Desk, lab: Lab) -> None:
    """`patch` makes it the solution, even where the last line has no end."""
    folder = desk.folder(lab)
    write(folder / "tasks.py", "import shop\nsend()")
    patch = ["patch", "-p1", "--quiet"]
    subprocess.run(patch, input=desk.diff(lab), cwd=folder, text=True, check=True)
    assert text(folder / "tasks.py") == "send.delay()\n"
    assert desk.diff(lab) == ""


def test_a_file_that_is_not_text_is_named(desk: Desk, lab: Lab) -> None:
    """Its bytes are not printed."""
    (desk.folder(lab) / "tasks.py").write_bytes(b"\xff\xfe")
    assert desk.diff(lab) == "Binary files yours/tasks.py and solution/tasks.py differ\n"


# Progress


def test_progress_begins_empty_and_leaves_nothing_behind(desk: Desk, course: Course) -> None:
    """Looking at the progress writes nothing."""
    progress = desk.progress()
    assert [(row.demo, row.passed, row.failed, row.hints) for row in progress.chapters] == [
        (False, False, 0, 0),
        (False, False, 0, 0),
    ]
    assert progress.next_step == "make lab-1"
    assert not desk.root.exists()


def test_progress_follows_what_happens(desk: Desk, course: Course) -> None:
    """The next step is the first thing not done yet."""
    first, second = course.labs
    steps = []
    for lab, event in (
        (first, "demo"),
        (first, "failed"),
        (first, "passed"),
        (first, "failed"),
        (first, "solution"),
        (second, "demo"),
        (second, "passed"),
    ):
        desk.record(lab, event)  # type: ignore[arg-type]
        steps.append(desk.progress().next_step)
    assert steps == [
        "make check-1",
        "make check-1",
        "make lab-2",
        "make lab-2",
        "make lab-2",
        "make check-2",
        "",
    ]
    row = desk.progress().chapters[0]
    assert (row.demo, row.passed, row.failed, row.hints, row.solution) == (True, True, 2, 0, True)


def test_progress_survives_a_renumbering(desk: Desk, course: Course, lab: Lab) -> None:
    """Progress belongs to the slug."""
    desk.record(lab, "passed")
    for old, new in (("chapters/01-first-task.md", "chapters/05-first-task.md"),):
        (course.root / old).rename(course.root / new)
    (course.root / "labs/01-first-task").rename(course.root / "labs/05-first-task")
    readme = course.root / "labs/05-first-task/README.md"
    write(readme, text(readme).replace("01-first", "05-first"))
    renumbered = Course.discover(course.root)
    assert Desk(renumbered).progress().chapters[-1].passed


def test_a_chapter_without_a_lab_is_never_the_next_step(desk: Desk, course: Course) -> None:
    """There is nothing to run."""
    tiny_course.add_chapter(course.root, 3, "beat")
    (course.root / "labs" / "02-replicas").rename(course.root / "away")
    desk.record(course.lab(1), "passed")
    progress = Desk(Course.discover(course.root)).progress()
    assert (len(progress.chapters), progress.next_step) == (3, "")


def test_the_next_step_passes_over_a_lab_that_cannot_be_done_here(
    desk: Desk, course: Course
) -> None:
    """Its own row says so; when only such labs are left there is no next step."""
    first, second = course.labs

    def runs(lab: Lab) -> bool:
        return lab != first

    progress = desk.progress(runs)
    assert progress.next_step == "make lab-2"
    assert [row.runs for row in progress.chapters] == [False, True]
    desk.record(second, "passed")
    progress = desk.progress(runs)
    assert progress.next_step == ""
    assert [row.is_open for row in progress.chapters] == [True, False]


def test_what_a_newer_version_wrote_stays(desk: Desk, lab: Lab) -> None:
    """Unknown labs and unknown keys are kept."""
    newer = {"labs": {"later": {"demo": 1}, "first-task": {"stars": 5}}, "theme": "dark"}
    path = write(desk.root / "progress.json", json.dumps(newer))
    desk.record(lab, "demo")
    newer["labs"]["first-task"]["demo"] = 1  # type: ignore[index]
    assert json.loads(text(path)) == newer


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"labs": []}',
        b'{"labs": {"first-task": 1}}',
        b'{"labs": {"first-task": {"demo": "yes"}}}',
        b'{"labs": {"first-task": {"demo": -1}}}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("command", ["progress", "record", "notices"])
def test_a_broken_progress_file_is_kept_and_said(
    desk: Desk, lab: Lab, broken: bytes, command: str
) -> None:
    """Somebody may still be able to mend it."""
    path = desk.root / "progress.json"
    path.parent.mkdir()
    path.write_bytes(broken)
    if command == "progress":
        desk.progress()
    elif command == "record":
        desk.record(lab, "demo")
    (notice,) = desk.notices()
    kept = desk.root / "progress.broken.1.json"
    assert kept.read_bytes() == broken
    assert notice == (
        f"`progress.json` could not be read, so your progress starts anew; the old file is kept "
        f"as `{kept}`"
    )
    assert desk.notices() == []
    path.write_bytes(broken)
    desk.record(lab, "passed")
    assert (desk.root / "progress.broken.2.json").read_bytes() == broken
    assert desk.progress().chapters[0].passed


def test_a_crash_in_mid_write_leaves_the_old_progress(
    desk: Desk, course: Course, lab: Lab, tmp_path: Path
) -> None:
    """The process ends after the bytes and before the name: the old file is whole."""
    desk.record(lab, "demo")
    before = text(desk.root / "progress.json")
    source = str(ROOT / "src")
    done = subprocess.run(
        [sys.executable, "-c", KILLED_IN_MID_WRITE, str(course.root)],
        env={**os.environ, "PYTHONPATH": source},
        check=False,
    )
    assert done.returncode == 9
    assert text(desk.root / "progress.json") == before
    desk.record(lab, "passed")
    assert [path.name for path in desk.root.iterdir() if path.name.endswith(".new")] == []


def test_two_commands_at_once_lose_no_event(course: Course, lab: Lab) -> None:
    """A notebook and a terminal may record at the same moment."""
    source = str(ROOT / "src")
    code = (
        "import sys; from pathlib import Path; from taskyard.course import Course; "
        "from taskyard.learner.desk import Desk; course = Course.discover(Path(sys.argv[1])); "
        "[Desk(course).record(course.lab(1), 'failed') for _ in range(25)]"
    )
    command = [sys.executable, "-c", code, str(course.root)]
    environment = {**os.environ, "PYTHONPATH": source}
    environment.pop("TASKYARD_WORK", None)
    running = [subprocess.Popen(command, env=environment) for _ in range(3)]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert Desk(course, course.root / "work").progress().chapters[0].failed == 75


def test_a_desk_that_cannot_be_written_says_what_to_do(course: Course, lab: Lab) -> None:
    """Here, a file is in the desk's place."""
    place = write(course.root / "elsewhere", "a file\n")
    desk = Desk(course, place)
    for use in (desk.folder, desk.reset, desk.diff, desk.next_hint):
        with pytest.raises(
            TaskyardError, match="your folder `elsewhere/` cannot be used: "
        ) as raised:
            use(lab)
        assert "`export TASKYARD_WORK=" in raised.value.faults[0].hint
    assert text(place) == "a file\n"


# Hints


def test_hints_come_one_after_the_other(course: Course, desk: Desk, lab: Lab) -> None:
    """The number is remembered; after the last one comes the last one."""
    given = [Desk(course, desk.root).next_hint(lab) for _ in range(4)]
    assert [(hint.number, hint.total, hint.summary) for hint in given] == [
        (1, 3, "Where to look"),
        (2, 3, "The idea"),
        (3, 3, "The shape"),
        (3, 3, "The shape"),
    ]
    assert given[0].text == "Look at `tasks.py`."
    assert given[2].text == "```python\nsend.delay()\n```"
    assert desk.progress().chapters[0].hints == 3
    assert desk.next_hint(course.lab(2)).number == 1


def test_a_hint_may_hold_code_that_looks_like_html(desk: Desk, lab: Lab) -> None:
    """Tokens decide where a hint ends."""
    hint = "```text\n</details>\n```\n\nAnd `</details>` here."
    block = f"<details><summary>A</summary>\n\n{hint}\n\n</details>\n"
    write(lab.readme, f"# x\n\n## Hints\n\n{block}\n## If it fails\n\n{block}")
    assert desk.next_hint(lab).text == hint
    assert desk.next_hint(lab).total == 1


@pytest.mark.parametrize(
    ("hints", "what", "line"),
    [
        ("", "lab `first-task` has no hints", None),
        ("<details><summary>A</summary>\n\ntext\n", "`<details>` has no end", 5),
        ("<details>\n\ntext\n\n</details>\n", "`<details>` has no `<summary>`", 5),
        (
            "<details><summary>A</summary>\ntext\n</details>\n",
            "`<details>` holds no Markdown text",
            5,
        ),
        (
            "<details><summary>A</summary>\n\n</details>\n",
            "`<details>` holds no Markdown text",
            5,
        ),
    ],
)
def test_hints_that_cannot_be_read_are_an_error(
    desk: Desk, lab: Lab, hints: str, what: str, line: int | None
) -> None:
    """With the line and the cure; no hint counts as given."""
    write(lab.readme, f"# x\n\n## Hints\n\n{hints}")
    with pytest.raises(TaskyardError) as raised:
        desk.next_hint(lab)
    (fault,) = raised.value.faults
    assert (fault.what, fault.path, fault.line) == (what, lab.readme, line)
    assert fault.hint
    assert desk.progress().chapters[0].hints == 0
