"""What a lab's modules may say to the tooling, and what is not passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskyard.course import Course
from taskyard.errors import Fault, TaskyardError
from taskyard.files import ROOT
from taskyard.kit.contract import IN_CHECK, IN_DEMO, NAMES, Contract, load

DEMO = "def demo(stack, show):\n    pass\n"

LABS = [pytest.param(lab, id=lab.folder.name) for lab in Course.discover().labs]


def contract(folder: Path, text: str, name: str = "demo.py") -> Contract:
    """Write a module and read its contract."""
    (folder / name).write_text(text)
    return Contract.of(load(folder / name))


def fault(folder: Path, text: str, name: str = "demo.py") -> Fault:
    """Return the one thing that is wrong with a module."""
    with pytest.raises(TaskyardError) as raised:
        contract(folder, text, name)
    (one,) = raised.value.faults
    assert one.path == folder / name
    return one


@pytest.mark.parametrize("lab", LABS)
def test_every_lab_keeps_the_contract(lab) -> None:
    """Both of its modules."""
    for path in (lab.demo, lab.check):
        assert Contract.of(load(path))


def test_a_demo_says_what_it_needs(tmp_path: Path) -> None:
    """Each name of the contract reaches the runner."""
    text = (
        'NEEDS_DOCKER = "an image is built."\nPUBLISH = {"api": 8000}\nSTARTS_ITSELF = True\n'
        f"ROWS = 20\n{DEMO}"
        "def without_docker(folder, show):\n    pass\n"
    )
    said = contract(tmp_path, text)
    assert (said.needs_docker, said.publish, said.starts_itself) == (
        "an image is built.",
        {"api": 8000},
        True,
    )
    functions = (said.demo, said.without_docker)
    assert [one.__name__ for one in functions if one] == list(IN_DEMO[3:])


def test_a_demo_without_wishes_has_none(tmp_path: Path) -> None:
    """The experiment is enough."""
    said = contract(tmp_path, DEMO)
    assert (said.needs_docker, said.publish, said.starts_itself) == ("", {}, False)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('NEED_DOCKER = "x"\n', "NEEDS_DOCKER"),
        ("START_ITSELF: bool = True\n", "STARTS_ITSELF"),
        ('PUBLISHED = {"api": 8000}\n', "PUBLISH"),
        ("def witout_docker(folder, show):\n    pass\n", "without_docker"),
    ],
)
def test_a_name_that_is_almost_right_is_named_with_its_line(
    tmp_path: Path, text: str, meant: str
) -> None:
    """A slip of the finger would switch off in silence what the author switched on."""
    one = fault(tmp_path, DEMO + text)
    assert one.what.startswith("the tooling does not know `")
    assert (one.line, one.hint) == (3, f"did you mean `{meant}`?")


@pytest.mark.parametrize(
    "text", ["NEEDS_DOCKER = True\n", "PUBLISH = [8000]\n", "STARTS_ITSELF = 'yes'\n"]
)
def test_a_value_of_the_wrong_kind_is_refused(tmp_path: Path, text: str) -> None:
    """With what to write instead."""
    one = fault(tmp_path, DEMO + text)
    assert (one.what.split("`")[1], one.line) == (text.split()[0], 3)
    assert one.hint.startswith("write ")


def test_a_demo_has_its_experiment(tmp_path: Path) -> None:
    """Without it there is nothing to run."""
    assert "no function `demo`" in fault(tmp_path, "def experiment(stack, show):\n    pass\n").what


def test_a_check_says_which_ports_it_wants_and_what_may_be_edited(tmp_path: Path) -> None:
    """What only a demo is asked for would be passed over in a check, and the other way round."""
    said = contract(tmp_path, 'PUBLISH = {"api": 8000}\nEDIT = ("tasks.py",)\n', "check.py")
    assert (said.publish, said.edit) == ({"api": 8000}, ("tasks.py",))
    assert contract(tmp_path, "", "check.py").edit is None
    assert fault(tmp_path, 'EDIT = "tasks.py"\n', "check.py").hint.startswith("write the names")
    one = fault(tmp_path, f'{DEMO}EDIT = ("tasks.py",)\n')
    assert "`EDIT` has no meaning here: only `check.py` may define it" == one.what
    one = fault(tmp_path, 'NEEDS_DOCKER = "x"\n', "check.py")
    assert "`NEEDS_DOCKER` has no meaning here: only `demo.py` may define it" == one.what
    assert fault(tmp_path, "PUBLSH = {}\n", "check.py").hint == "did you mean `PUBLISH`?"


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("CONTRIBUTING.md", NAMES),
        ("labs/_template/demo.py", IN_DEMO),
        ("labs/_template/check.py", IN_CHECK),
    ],
)
def test_the_whole_contract_is_written_down(page: str, names: tuple[str, ...]) -> None:
    """Where an author looks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [name for name in names if name not in text] == []
