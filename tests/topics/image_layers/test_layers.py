"""The planner of layers on two folders, without a build: its words, its faults, its patterns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from taskyard.errors import TaskyardError
from taskyard.topics.image_layers import Source, plan
from taskyard.topics.image_layers.context import Context
from taskyard.topics.image_layers.dockerfile import parse, words

FILES = {"shop.py": "1", "pins.txt": "1"}
PINS_FIRST = "FROM base\nCOPY pins.txt .\nRUN install\nCOPY . .\n"


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def reasons(tmp_path: Path, old: str, new: str | None = None, **changed: str) -> list[str]:
    """Plan a build of FILES and a second one, and return verdict and reason of each step."""
    ignore = {".dockerignore": "Dockerfile\n"}
    before = write(tmp_path / "1", {**FILES, **ignore, "Dockerfile": old})
    edited = {name.replace("_", "."): text for name, text in changed.items()}
    after = write(tmp_path / "2", {**FILES, **ignore, "Dockerfile": new or old, **edited})
    return [f"{s.verdict}: {s.reason}" for s in plan(Source(before), Source(after))]


def test_a_changed_file_is_named(tmp_path: Path) -> None:
    """The step that reads the file says so, and those below it point up."""
    told = reasons(tmp_path, PINS_FIRST, pins_txt="2")
    assert "reused: the base is as before" == told[0]
    assert "again: `pins.txt` changed" == told[1]
    assert "again: `COPY pins.txt .` above it is not reused" == told[2]
    assert "again: `RUN install` above it is not reused" == told[3]


def test_many_changed_files_are_counted(tmp_path: Path) -> None:
    """Three are named, the others counted."""
    told = reasons(tmp_path, "FROM base\nCOPY . .\n", a_py="", b_py="", c_py="", d_py="")
    assert "again: `a.py` is new, `b.py` is new, `c.py` is new, and 1 more differ" == told[1]


def test_a_variable_is_named(tmp_path: Path) -> None:
    """ENV makes no layer, and each RUN below depends on it."""
    old, new = (f"FROM base\nENV MODE={mode}\nRUN install\n" for mode in ("api", "worker"))
    told = reasons(tmp_path, old, new)
    assert told[1].startswith("no layer: it sets a variable")
    assert told[2].startswith("again: `MODE` has another value: each RUN below is given it")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("USER 1\nRUN a", "USER 2\nRUN a", "again: it runs as another user"),
        ('SHELL ["a"]\nRUN a', 'SHELL ["b"]\nRUN a', "again: another shell runs it"),
        (
            "EXPOSE 1\nRUN a",
            "EXPOSE 2\nRUN a",
            "reused: it and all that it depends on are as before",
        ),
        (
            "RUN a\nRUN b",
            "RUN a\nRUN c",
            "again: the instruction is new, or is written in another way",
        ),
        ("ADD https://example.org/a /\nRUN a", None, "depends: it is reused if `ADD"),
        ("COPY --from=other /a /\nRUN a", None, "reused: it and all"),
    ],
)
def test_a_reason_says_what_differs(tmp_path: Path, old: str, new: str | None, reason: str) -> None:
    """Each reason is one sentence."""
    told = reasons(tmp_path, f"FROM base\n{old}\n", new and f"FROM base\n{new}\n")
    assert told[-1].startswith(reason)


def test_a_stage_that_is_built_again_leaves_a_question(tmp_path: Path) -> None:
    """BuildKit compares the files that COPY --from takes; the planner cannot know them."""
    two = "FROM base AS build\nCOPY pins.txt .\nRUN make\n"
    two += "FROM base\nCOPY --from=build /out /\nRUN a\n"
    told = reasons(tmp_path, two, pins_txt="2")
    assert told[-2] == (
        "depends: `build` is built again: reused if the files that are taken come out the same"
    )
    assert told[-1] == "depends: it is reused if `COPY --from=build /out /` is"


def test_a_stage_that_nothing_needs_is_not_built(tmp_path: Path) -> None:
    """BuildKit builds what the target needs."""
    told = reasons(tmp_path, "FROM base AS tests\nRUN test\nFROM base\nRUN a\n")
    assert "not built: nothing that is built needs its stage" == told[1]


def test_a_target_leaves_the_later_stages_out(tmp_path: Path) -> None:
    """They are the other half of the same rule."""
    text = "FROM base AS build\nRUN a\nFROM build\nRUN b\n"
    source = Source(write(tmp_path, {"Dockerfile": text}), target="build")
    assert ["reused", "reused", "not built", "not built"] == [
        step.verdict for step in plan(source, source)
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("FORM base\n", "`FORM` is not an instruction that can be planned"),
        ("RUN a\n", "`RUN` comes before the first FROM"),
        ("FROM base\nRUN <<EOF\n", "a here-document cannot be planned"),
        ("FROM base\nCOPY\n", "`COPY` has nothing after it"),
        ("FROM a b\n", "`FROM a b` is not `FROM image AS name`"),
        ("# escape=`\nFROM base\n", "an escape character other than `\\` cannot be planned"),
        ("", "a Dockerfile needs a FROM"),
    ],
)
def test_a_fault_of_a_dockerfile_is_said(text: str, fault: str) -> None:
    """What cannot be planned is refused, with its line."""
    with pytest.raises(TaskyardError) as error:
        parse(text)
    assert fault in str(error.value)
    assert error.value.faults[0].line


def test_all_faults_are_said_at_once() -> None:
    """Two mistakes, two faults."""
    with pytest.raises(TaskyardError) as error:
        parse("FROM base\nRUM a\nCOPPY b c\n")
    assert [2, 3] == [fault.line for fault in error.value.faults]
    assert ["did you mean `RUN`?", "did you mean `COPY`?"] == [
        fault.hint for fault in error.value.faults
    ]


def test_an_ignored_source_is_said(tmp_path: Path) -> None:
    """The build would fail, and the line of .dockerignore is named."""
    files = {**FILES, "Dockerfile": PINS_FIRST, ".dockerignore": "# why\n*.txt\n"}
    source = Source(write(tmp_path, files))
    with pytest.raises(TaskyardError, match=r"line 2 of `\.dockerignore` leaves it out"):
        plan(source, source)


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [
        ("*.py", ["a/b.py", "a/c/d.txt"]),
        ("**/*.py", ["a/c/d.txt"]),
        ("a", ["shop.py"]),
        ("/a/", ["shop.py"]),
        ("a/*", ["shop.py"]),
        ("a/*\n!a/b.py", ["a/b.py", "shop.py"]),
        ("**\n!**/*.txt", ["a/c/d.txt"]),
        ("*\n!a\na/c", ["a/b.py"]),
        ("sho?.[a-z]y", ["a/b.py", "a/c/d.txt"]),
        (".", ["a/b.py", "a/c/d.txt", "shop.py"]),
    ],
)
def test_dockerignore(tmp_path: Path, pattern: str, kept: list[str]) -> None:
    """The last line that matches a path, or a folder above it, decides."""
    files = {"shop.py": "", "a/b.py": "", "a/c/d.txt": "", ".dockerignore": f"{pattern}\n.d*\n"}
    entries = Context(write(tmp_path, files)).entries
    assert kept == [name for name, entry in entries.items() if entry.kind == "file"]


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("a  b", ["a", "b"]),
        ("'a b' \"c d\"", ["a b", "c d"]),
        ("$A ${A} ${B:-x} ${A:+y} ${B}", ["1", "1", "x", "y", ""]),
        ("'$A' \"$A\" \\$A", ["$A", "1", "$A"]),
    ],
)
def test_words_are_split_as_docker_splits_them(text: str, split: list[str]) -> None:
    """Quotes keep together; variables are filled in, but not between single quotes."""
    assert split == words(text, {"A": "1"})
