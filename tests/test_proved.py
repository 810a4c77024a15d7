"""What `make proof` has proved, and `make test` passes over: never more than that."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import inner_pytest
import pytest
import tiny_course
from proved import (
    DECIDES,
    DRAW,
    ONE_IN,
    Case,
    digest,
    inputs_of,
    left_out,
    passed_over,
    proved,
    renew,
)

from taskyard.course import Course, Lab
from taskyard.files import ROOT

pytest_plugins = ["pytester"]


@pytest.fixture
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Lab, ...]:
    monkeypatch.setenv(DRAW, "1")
    inputs_of.cache_clear()
    return tuple(Course.discover(tiny_course.build(tmp_path / "course")).labs)


def cases(labs: tuple[Lab, ...]) -> list[Case]:
    return [
        (lab.slug, variant, engine)
        for lab in labs
        for engine in ("local", "docker")
        for variant in sorted(lab.variants)
    ]


def tried(labs: tuple[Lab, ...]) -> set[Case]:
    """Return the cases that `make test` tries where nothing is proved."""
    by_slug = {lab.slug: lab for lab in labs}
    return {one for one in cases(labs) if not left_out(by_slug[one[0]], *one[1:])}


OTHER_ANSWERS = """
[asks-docker]
requirement = "The caller does not wait"
message = "asked"
engine = "docker"
"""


def add_answers(lab: Lab) -> None:
    """Add three other right answers, and a wrong one that only Docker can reject."""
    for answer in ("right/a", "right/b", "right/c", "wrong/asks-docker"):
        tiny_course.write(lab.folder / answer / "tasks.py", "send.apply_async()\n")
    with (lab.folder / "expect.toml").open("a") as file:
        file.write(OTHER_ANSWERS)


@pytest.mark.parametrize(
    ("demo", "also_on_docker"),
    [("", {"asks-docker"}), ('NEEDS_DOCKER = "images"\n', {"asks-docker", "blocks"})],
)
def test_what_only_a_proof_tries(
    labs: tuple[Lab, ...], demo: str, also_on_docker: set[str]
) -> None:
    """
    The third of the other right answers, and on Docker the wrong ones.

    A wrong answer that the local engine cannot reject, or whose lab it cannot run, is tried there.
    """
    lab = labs[0]
    add_answers(lab)
    lab.demo.write_text(demo + lab.demo.read_text())
    reasons = {one[1:]: why for one in cases((lab,)) if (why := left_out(lab, *one[1:]))}
    right, wrong = "all of the other right answers", "wrong answers on Docker too"
    expected = {("c", "local"): right, ("c", "docker"): right}
    expected |= {(one, "docker"): wrong for one in {*lab.wrong} - also_on_docker}
    assert {one: f"`make proof` tries {words}" for one, words in expected.items()} == reasons


def record_of(labs: tuple[Lab, ...], path: Path) -> Path:
    """Record that every variant came out right on both engines."""
    renew(path, dict.fromkeys(cases(labs), True), {lab.slug: inputs_of(lab) for lab in labs})
    return path


def test_without_a_record_everything_is_tried(labs: tuple[Lab, ...], tmp_path: Path) -> None:
    assert passed_over(labs, tmp_path / "none.json") == set()


def test_some_of_each_lab_is_tried_again(labs: tuple[Lab, ...], tmp_path: Path) -> None:
    over = passed_over(labs, record_of(labs, tmp_path / "proved.json"))
    for lab in labs:
        assert len(tried((lab,)) - over) == math.ceil(len(tried((lab,))) / ONE_IN)


def test_the_draw_can_be_repeated_and_another_one_reaches_others(
    labs: tuple[Lab, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `make test` never tries is not drawn: the draw would hit nothing."""
    add_answers(labs[0])
    record = record_of(labs, tmp_path / "proved.json")
    first = passed_over(labs, record)
    assert first == passed_over(labs, record)
    ever = set()
    for seed in range(100):
        monkeypatch.setenv(DRAW, str(seed))
        ever |= set(cases(labs)) - passed_over(labs, record)
    assert ever == tried(labs)


def test_a_lab_that_has_changed_is_tried_whole(labs: tuple[Lab, ...], tmp_path: Path) -> None:
    record = record_of(labs, tmp_path / "proved.json")
    (labs[0].folder / "check.py").open("a").write("# another check\n")
    inputs_of.cache_clear()
    assert {slug for slug, _, _ in proved(labs, record)} == {lab.slug for lab in labs[1:]}


@pytest.mark.parametrize(
    "name",
    [
        "src/taskyard/learner/check.py",
        "requirements/lab.txt",
        "Dockerfile",
        "tests/content/test_labs.py",
    ],
)
def test_one_byte_of_what_decides_about_every_lab_takes_all_proofs_away(
    labs: tuple[Lab, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    copy = tmp_path / "root"
    for place in DECIDES:
        (copy / place).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / place).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")  # other tests write there meanwhile
            shutil.copytree(ROOT / place, copy / place, ignore=ignored)
        else:
            shutil.copy(ROOT / place, copy / place)
    monkeypatch.setattr("proved.ROOT", copy)
    record = record_of(labs, tmp_path / "proved.json")
    assert {lab.slug for lab in labs} == {slug for slug, _, _ in proved(labs, record)}
    *others, last = (copy / name).read_bytes()
    (copy / name).write_bytes(bytes([*others, last ^ 1]))
    inputs_of.cache_clear()
    assert [] == proved(labs, record)


def test_what_a_proof_refutes_is_tried_again(labs: tuple[Lab, ...], tmp_path: Path) -> None:
    record = record_of(labs, tmp_path / "proved.json")
    refuted = cases(labs)[0]
    renew(record, {refuted: False}, {refuted[0]: inputs_of(labs[0])})
    assert set(cases(labs)) - set(proved(labs, record)) == {refuted}


def test_a_proof_of_a_changed_lab_forgets_what_was_proved_before(
    labs: tuple[Lab, ...], tmp_path: Path
) -> None:
    record = record_of(labs, tmp_path / "proved.json")
    one = cases(labs)[0]
    renew(record, {one: True}, {one[0]: "other inputs"})
    assert json.loads(record.read_text())[one[0]] == {
        "inputs": "other inputs",
        "local": [one[1]],
        "docker": [],
    }


def test_a_digest_tells_files_names_and_contents_apart(tmp_path: Path) -> None:
    digests = set()
    for name, text in (("a", "1"), ("a", "2"), ("b", "1")):
        folder = tmp_path / f"{name}{text}"
        folder.mkdir()
        (folder / name).write_text(text)
        digests.add(digest(folder))
        (folder / "__pycache__").mkdir()
        (folder / "__pycache__" / "a.pyc").write_bytes(b"1")
        digests.add(digest(folder))
    assert len(digests) == 3


TESTS = """
import pytest

@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("variant", ["solution", "starter"])
def test_a(variant, number, record_property):
    record_property("case", ("beat", variant, "local"))
    record_property("inputs", "as they are")
    record_property("proved", True)
    assert variant != "starter" or number < 2
"""


@pytest.mark.parametrize("option", ["--proof", "--verbose"])
def test_a_proof_writes_the_record_and_other_runs_print_what_they_drew(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """A variant that failed in one round of several is not proved."""
    inner_pytest.lay_out(pytester, monkeypatch)
    (pytester.path / "tests" / "test_labs.py").write_text(TESTS)
    run = pytester.runpytest_subprocess("-n", "2", "-p", "no:cacheprovider", option)
    run.assert_outcomes(passed=3, failed=1)
    record = pytester.path / "tests" / "proved.json"
    if option == "--proof":
        assert json.loads(record.read_text()) == {
            "beat": {"inputs": "as they are", "local": ["solution"], "docker": []}
        }
    else:
        assert not record.exists()
        run.stdout.fnmatch_lines([f"{DRAW}=*: beat-solution-local, *"])
