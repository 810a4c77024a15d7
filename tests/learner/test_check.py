"""A check tells what it did, saw and expected, whatever goes wrong; on a real stack."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from uuid import uuid4

import pytest

from taskyard.engine import choose
from taskyard.errors import TaskyardError
from taskyard.learner.check import Verdict, run

COMPOSE = """
services:
  redis:
    image: redis:8-alpine
    healthcheck:
      test: ["CMD", "redis-cli", "ping"]
      interval: 1s
      retries: 20
"""

PASSES = '''
def test_first():
    """The first requirement."""
'''


@pytest.fixture
def verdicts(tmp_path: Path):
    """Run the text of a `check.py`; return the verdicts, which were told one by one."""

    def judge(text: str, compose: str = COMPOSE) -> list[Verdict]:
        (tmp_path / "compose.yaml").write_text(compose)
        check = tmp_path / f"check_{uuid4().hex}.py"  # pytest keeps a module by its name
        check.write_text(
            "from taskyard.kit.requirement import Unmet, require\n" + textwrap.dedent(text)
        )
        told: list[Verdict] = []
        seen = run(check, tmp_path, choose("local"), "check-test", told.append)
        assert told == seen
        return seen

    return judge


def test_the_first_that_fails_ends_the_run(verdicts) -> None:
    """What comes after it is not run, and says so."""
    seen = verdicts(
        PASSES
        + '''
def test_second(stack):
    """The second requirement."""
    require(False, did="asked", saw=42, expected="43", look_at="tasks.py")

def test_third():
    """The third requirement."""
'''
    )
    assert seen == [
        Verdict("The first requirement.", "passed"),
        Verdict("The second requirement.", "failed", "asked", "42", "43", "tasks.py"),
        Verdict("The third requirement.", "not run"),
    ]


def test_a_stack_that_does_not_start_is_a_failed_requirement(verdicts) -> None:
    """The learner sees what the service wrote, under the first requirement that needs it."""
    broken = COMPOSE + '    command: ["redis-server", "--no-such-option", "1"]\n'
    (verdict,) = verdicts('def test_it(stack):\n    """It runs."""\n', broken)
    assert (verdict.requirement, verdict.outcome) == ("It runs.", "failed")
    assert "started your stack" in verdict.did
    assert "no-such-option" in verdict.saw
    assert verdict.look_at.endswith("compose.yaml")


def test_an_unexpected_answer_is_a_failed_requirement(verdicts) -> None:
    """What the learner's code made the check trip over is named, and no traceback is shown."""
    (verdict,) = verdicts('def test_it():\n    """It answers."""\n    {}["state"]\n')
    assert (verdict.outcome, verdict.saw) == ("failed", "KeyError: 'state'")


def test_a_deadline_is_told_in_its_own_words(verdicts) -> None:
    """A TimeoutError of ours says what was waited for."""
    text = (
        'def test_it():\n    """It comes."""\n    raise TimeoutError("waited 3 s for a result")\n'
    )
    (verdict,) = verdicts(text)
    assert verdict.saw == "waited 3 s for a result"


@pytest.mark.parametrize(
    ("text", "message"),
    [("import no_such_module\n" + PASSES, "no_such_module"), ("def test_first(:\n", "SyntaxError")],
)
def test_a_broken_check_is_no_verdict_about_the_learner(verdicts, text: str, message: str) -> None:
    """The error says that the check is broken, and shows why."""
    with pytest.raises(TaskyardError, match="the check of this lab is broken") as caught:
        verdicts(text)
    assert message in str(caught.value)


def test_a_check_leaves_the_environment_as_it_was(
    verdicts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options of another project do not reach it, and are there again afterwards."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    before = dict(os.environ)
    assert [verdict.outcome for verdict in verdicts(PASSES)] == ["passed"]
    changed = {
        name for name in before.keys() | os.environ if before.get(name) != os.environ.get(name)
    }
    assert changed <= {"PYTEST_CURRENT_TEST"}


def test_a_check_minds_only_its_own_folder(verdicts, tmp_path: Path) -> None:
    """A conftest.py above the learner's checkout has no say in the check."""
    conftest = tmp_path.parent / "conftest.py"
    conftest.write_text("raise RuntimeError('of another project')\n")
    try:
        assert [verdict.outcome for verdict in verdicts(PASSES)] == ["passed"]
    finally:
        conftest.unlink()


def test_a_check_without_requirements_is_broken(verdicts) -> None:
    """Nothing to check is not a pass."""
    with pytest.raises(TaskyardError, match="the check of this lab is broken"):
        verdicts("x = 1\n")


def test_a_check_that_breaks_its_contract_is_broken(verdicts) -> None:
    """Nothing is tried and nothing is said about the learner's files."""
    with pytest.raises(TaskyardError, match="the check of this lab is broken") as caught:
        verdicts('PUBLISHED = {"api": 8000}\n' + PASSES)
    assert "did you mean `PUBLISH`?" in str(caught.value)
