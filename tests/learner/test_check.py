"""A check tells what it did, saw and expected, whatever goes wrong; on a real stack."""

from __future__ import annotations

import hashlib
import json
import os
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a check decide however busy this machine is."""
    monkeypatch.setattr("taskyard.learner.check.slowness", lambda: 1.0)


@pytest.fixture
def verdicts(tmp_path: Path):
    """Run the text of a `check.py`; return the verdicts, which were told one by one."""

    def judge(text: str, compose: str = COMPOSE) -> list[Verdict]:
        (tmp_path / "compose.yaml").write_text(compose)
        check = tmp_path / "check.py"
        check.write_text(
            "from taskyard.kit.requirement import Unmet, require\n" + textwrap.dedent(text)
        )
        told: list[Verdict] = []
        seen = run(check, tmp_path, choose("local"), "check-test", told.append)
        assert told == seen
        return seen

    return judge


def test_the_first_that_fails_ends_the_run(verdicts) -> None:
    """The requirements after it are reported as not run."""
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


def test_a_requirement_is_named_while_it_is_tried(tmp_path: Path) -> None:
    """The start of the stack belongs to the first that needs it."""
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "check.py").write_text(PASSES + 'def test_second():\n    """The second."""\n')
    told: list[str] = []

    @contextmanager
    def trying(requirement: str) -> Iterator[None]:
        told.append(f"tries: {requirement}")
        yield
        told.append(f"tried: {requirement}")

    def tell(verdict: Verdict) -> None:
        told.append(f"{verdict.outcome}: {verdict.requirement}")

    run(tmp_path / "check.py", tmp_path, choose("local"), "check-test", tell, trying)
    assert told == [
        f"{word}: {requirement}"
        for requirement in ("The first requirement.", "The second.")
        for word in ("tries", "passed", "tried")
    ]


def test_a_stack_that_does_not_start_is_a_failed_requirement(verdicts) -> None:
    """The learner sees what the service wrote, under the first requirement that needs it."""
    broken = COMPOSE + '    command: ["redis-server", "--no-such-option", "1"]\n'
    (verdict,) = verdicts('def test_it(stack):\n    """It runs."""\n', broken)
    assert (verdict.requirement, verdict.outcome) == ("It runs.", "failed")
    assert "started your stack" in verdict.did
    assert "no-such-option" in verdict.saw
    assert verdict.look_at == "compose.yaml:3"


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


def test_a_busy_machine_fails_nobody(verdicts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may be at fault, so the verdict is reported and does not count as a failure."""
    monkeypatch.setattr("taskyard.learner.check.slowness", lambda: 100.0)
    (verdict,) = verdicts(
        'def test_it():\n    """It is quick."""\n'
        '    require(False, did="asked", saw="nothing", expected="an answer", look_at="tasks.py")\n'
    )
    assert (verdict.outcome, verdict.did, verdict.saw) == ("not decided", "asked", "nothing")
    assert verdict.look_at.startswith("what else this machine does")


def test_a_deadline_on_a_busy_machine_is_no_failure(verdicts) -> None:
    """The wait knows better than a measurement after it."""
    (verdict,) = verdicts(
        "from taskyard.deadline import until\n"
        'def test_it():\n    """It comes."""\n'
        '    until(lambda: None, "a result", 0.01, control=lambda: 100)\n'
    )
    assert (verdict.outcome, verdict.did) == ("not decided", "waited 0.08 s for a result")


WORKER = (
    COMPOSE
    + """
  worker:
    image: python:3.13-slim
    command: {command}
"""
)
ENDS = WORKER + '    healthcheck: {{test: ["CMD", "false"], start_period: 600s}}\n'
"""The start waits for a health that never comes, and so for the worker's end, however late."""


def test_a_fault_of_the_learner_s_code_is_found_in_it(verdicts, tmp_path: Path) -> None:
    """A slip in `tasks.py` is one of `tasks.py`, and not of the file that starts it."""
    (tmp_path / "tasks.py").write_text("import os\n\ndef send(address)\n    pass\n")
    compose = ENDS.format(command="python -c 'import tasks'")
    (verdict,) = verdicts('def test_it(stack):\n    """It runs."""\n', compose)
    assert verdict.look_at == "tasks.py:3"
    assert "SyntaxError" in verdict.saw


def test_what_a_library_raised_is_looked_for_where_the_learner_called_it(
    verdicts, tmp_path: Path
) -> None:
    """The last frame of the traceback is not the learner's; the one that counts is further up."""
    (tmp_path / "tasks.py").write_text("import json\n\njson.loads('{')\n")
    compose = ENDS.format(command="python tasks.py")
    (verdict,) = verdicts('def test_it(stack):\n    """It runs."""\n', compose)
    assert verdict.look_at == "tasks.py:3"


def test_a_service_that_ends_without_a_traceback_is_looked_for_in_the_compose_file(
    verdicts,
) -> None:
    """With the line of the service."""
    compose = ENDS.format(command="python -m no_such_module")
    (verdict,) = verdicts('def test_it(stack):\n    """It runs."""\n', compose)
    assert verdict.look_at == "compose.yaml:10"


def test_a_deadline_names_what_was_waited_for_and_what_the_services_wrote(verdicts) -> None:
    """A missing answer is explained by the service that should have given it."""
    (verdict,) = verdicts(
        "from taskyard.deadline import until\n"
        'def test_it(stack):\n    """It comes."""\n'
        '    stack.wait_log("worker", "broker")\n'
        '    until(lambda: None, "a result", 0, lambda: "none", control=lambda: 1)\n',
        WORKER.format(command="python -uc 'import time; print(\"no broker\"); time.sleep(600)'"),
    )
    assert verdict.did == "waited 0 s for a result"
    assert verdict.saw == "none; `worker` wrote last: no broker"
    assert verdict.look_at == "compose.yaml:10, the service `worker`"


CALLS = (
    "import tasks, time, traceback\n"
    "try: tasks.send()\n"
    "except Exception: traceback.print_exc()\n"
    "time.sleep(600)"
)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("{}[1]", "tasks.py:2, where `worker` met `KeyError: 1`; endpoint.py"),
        ("raise ValueError('an empty file')", "endpoint.py"),
        ("import redis; redis.Redis(port=1).ping()", "endpoint.py"),
    ],
)
def test_a_slip_in_a_task_is_found_where_a_requirement_does_not_hold(
    verdicts, tmp_path: Path, line: str, place: str
) -> None:
    """A worker goes on after a slip; an error raised on purpose, or by a server, is not a slip."""
    (tmp_path / "tasks.py").write_text(f"def send():\n    {line}\n")
    (verdict,) = verdicts(
        'def test_it(stack):\n    """It is sent."""\n    stack.wait_log("worker", "Error: ")\n'
        '    require(False, did="sent", saw="nothing", expected="it", look_at="endpoint.py")\n',
        WORKER.format(command=json.dumps(["python", "-uc", CALLS])),
    )
    assert verdict.look_at == place


def test_an_error_of_the_check_s_own_says_how_far_it_came(verdicts) -> None:
    """The line of the check, as it stands there."""
    (verdict,) = verdicts('def test_it():\n    """It answers."""\n    {}["state"]\n')
    assert verdict.did.startswith('got as far as `{}["state"]` (check.py')


def test_a_deleted_file_is_named_with_what_brings_it_back(tmp_path: Path) -> None:
    """It includes the Compose file, without which nothing starts."""
    lab = tmp_path / "07-replicas"
    (lab / "starter").mkdir(parents=True)
    for name in ("compose.yaml", "tasks.py"):
        (lab / "starter" / name).write_text("")
    (lab / "check.py").write_text('def test_it(stack):\n    """It runs."""\n')
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "tasks.py").write_text("")
    (verdict,) = run(lab / "check.py", folder, choose("local"), "check-test", lambda one: None)
    assert verdict.look_at == "`compose.yaml` is missing; `make reset-7` brings the starter back"


STARTER = """# The mail server.
import time


def send(address):
    time.sleep(0.5)
    return f"sent to {address}"
"""
"""A file that stays as it is."""

ONLY_ENDPOINT = 'EDIT = ("endpoint.py",)\ndef test_it(folder):\n    """It runs."""\n'


@pytest.fixture
def judged(tmp_path: Path):
    """Check a desk whose `tasks.py` has some text, and return the verdict."""
    lab, desk = tmp_path / "labs" / "01-first-task", tmp_path / "desk"
    for folder in (lab / "starter", desk):
        folder.mkdir(parents=True)
        (folder / "compose.yaml").write_text(COMPOSE)
        (folder / "endpoint.py").write_text(f"# of {folder.name}\n")
    (lab / "starter" / "tasks.py").write_text(STARTER)
    (lab / "check.py").write_text(ONLY_ENDPOINT)

    def judge(text: str | None, handed: str = STARTER) -> Verdict:
        (desk / "tasks.py").unlink(missing_ok=True)
        if text is not None:
            (desk / "tasks.py").write_text(text)
        digests = {"tasks.py": hashlib.sha256(handed.encode()).hexdigest()}
        choice = choose("local")
        (one,) = run(lab / "check.py", desk, choice, "check-test", print, handed=digests)
        return one

    return judge


def test_a_file_that_stays_as_it_is_is_named_if_it_does_not(judged) -> None:
    """With the line that differs, and where the file as it was lies."""
    verdict = judged(STARTER.replace("0.5", "0"))
    assert "failed" == verdict.outcome
    assert verdict.saw == "in `tasks.py`, line 6 is now `    time.sleep(0)`"
    assert verdict.look_at.startswith("tasks.py:6; the file as it was is labs/01-first-task/")
    assert "no `tasks.py`" == judged(None).saw


def test_a_comment_in_a_file_that_stays_as_it_is_changes_nothing(judged) -> None:
    """Nor does a blank line; a learner may take notes."""
    assert "passed" == judged("# It is slow!\n\n" + STARTER).outcome


def test_a_file_as_an_earlier_starter_had_it_is_as_it_was(judged) -> None:
    """The learner has not changed it; the course has."""
    earlier = STARTER.replace("0.5", "0.4")
    assert "failed" == judged(earlier).outcome
    assert "passed" == judged(earlier, handed=earlier).outcome
