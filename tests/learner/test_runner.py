"""What a lab may ask of its runner, on a lab of the test's own."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import tiny_course
from rich.console import Console

from taskyard.course import Course, Lab
from taskyard.engine import Choice
from taskyard.errors import TaskyardError
from taskyard.kit.console import Show
from taskyard.learner.runner import Runner

DEMO = """
NEEDS_DOCKER = "an image is built."

def without_docker(folder, show):
    show.say(f"planned for {folder.name}")

def demo(stack, show):
    raise AssertionError("never reached")
"""


OWN = """
STARTS_ITSELF = True

def demo(stack, show):
    show.say(f"before: {len(stack.ps())}")
    stack.up()
    show.say(f"after: {len(stack.ps())}")
"""


def runner_of(folder: Path, demo: str, compose: str = "", show: Show | None = None) -> Runner:
    """Lay out a lab with this demo and this Compose file."""
    (folder / "demo.py").write_text(demo)
    (folder / "files").mkdir()
    (folder / "files" / "compose.yaml").write_text(compose)
    lab = Lab(2, "image-layers", folder)
    return Runner(Course(folder, ()), lab, show or Show(), folder / "files")


def test_a_demo_about_the_start_starts_the_stack_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing runs when such a demo begins, and nothing when it has ended."""
    runner = runner_of(tmp_path, OWN, "services: {api: {image: i, command: sleep 600}}")
    runner.demo(Choice("local", "you asked for it"), keep=False)
    told = capsys.readouterr().out
    assert "before: 0" in told
    assert "after: 1" in told


@pytest.mark.parametrize("command", ["demo", "check"])
def test_a_lab_that_needs_docker_shows_what_it_can_and_has_its_own_status(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a pass nor a failure of the learner: status 3, after what can be shown."""
    runner = runner_of(tmp_path, DEMO)
    choice = Choice("local", "no Docker engine answers")
    with pytest.raises(SystemExit) as stopped:
        runner.demo(choice, keep=False) if command == "demo" else runner.check(choice)
    assert stopped.value.code == 3
    told = capsys.readouterr().out
    assert "This lab needs Docker: an image is built." in told
    assert "planned for files" in told


REDIS = "services: {redis: {image: 'redis:8-alpine'}}"


@pytest.mark.parametrize(
    ("command", "first"), [("demo", "before: 0"), ("check", "pass    It starts.")]
)
def test_what_the_local_engine_does_not_do_is_said_before_the_start(
    tmp_path: Path, command: str, first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that no verdict rests on it unannounced."""
    compose = "services: {api: {image: i, command: sleep 600, container_name: mine}}"
    runner = runner_of(tmp_path, OWN, compose)
    (tmp_path / "check.py").write_text('def test_it(stack):\n    """It starts."""\n')
    choice = Choice("local", "you asked for it")
    runner.demo(choice, keep=False) if command == "demo" else runner.check(choice)
    told = capsys.readouterr().out.splitlines()
    said = "The local engine gives `api` another name than its `container_name`."
    assert told.index(said) < told.index(first)


def test_a_demo_on_a_busy_machine_ends_undecided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is wrong with the learner's files, as far as anybody can tell."""
    demo = (
        "from taskyard.deadline import until\n"
        "def demo(stack, show):\n"
        '    until(lambda: None, "a result", 0.01, control=lambda: 100)\n'
    )
    with pytest.raises(SystemExit) as stopped:
        runner_of(tmp_path, demo, REDIS).demo(Choice("local", "you asked for it"), keep=False)
    assert stopped.value.code == 4
    assert "This machine is too busy to decide" in capsys.readouterr().out


def test_a_check_on_a_busy_machine_ends_undecided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdicts are reported, and the status is neither that of a pass nor of a failure."""
    monkeypatch.setattr("taskyard.learner.check.slowness", lambda: 100.0)
    runner = runner_of(tmp_path, "def demo(stack, show):\n    pass\n", REDIS)
    text = 'def test_it():\n    """It comes."""\n    assert False\n'
    (tmp_path / "check.py").write_text(text)
    report = tmp_path / "report.json"
    with pytest.raises(SystemExit) as stopped:
        runner.check(Choice("local", "you asked for it"), report)
    assert stopped.value.code == 4
    assert '"outcome": "not decided"' in report.read_text()
    told = capsys.readouterr().out
    assert "busy    It comes." in told
    assert "FAIL" not in told


TWO_LINES = """
from taskyard.kit.requirement import Unmet

def test_it():
    \"\"\"It comes.\"\"\"
    saw = "two lines, of which this one is longer than a terminal of 60 columns\\n"
    saw += "  | and this one, which a log has indented, is longer than that as well"
    raise Unmet("asked", saw, "an answer", "tasks.py")
"""


def test_each_line_of_what_a_check_saw_stands_in_the_column_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a terminal of 60 columns, too."""
    monkeypatch.setattr("taskyard.learner.check.slowness", lambda: 1.0)
    (tmp_path / "check.py").write_text(TWO_LINES)
    screen = io.StringIO()
    show = Show(screen, Console(file=screen, width=60, highlight=False))
    runner = runner_of(tmp_path, "def demo(stack, show):\n    pass\n", REDIS, show)
    runner.check(Choice("local", "you asked for it"))
    assert screen.getvalue().split("asked\n")[1].split("        expected")[0] == (
        "        saw: two lines, of which this one is longer than a\n"
        "             terminal of 60 columns\n"
        "               | and this one, which a log has indented, is\n"
        "             longer than that as well\n"
    )


def test_a_demo_that_waits_in_vain_shows_what_the_worker_wrote(tmp_path: Path) -> None:
    """A worker with a wrong address for its broker says so in its log, and nowhere else."""
    demo = (
        "from celery import Celery\n"
        "from taskyard.kit.recorder import wait_for_workers\n"
        "def demo(stack, show):\n"
        '    stack.wait_log("worker", "Cannot connect")\n'
        "    wait_for_workers(Celery(broker=stack.url()), 1, timeout_s=0)\n"
    )
    compose = (
        "services:\n  redis: {image: 'redis:8-alpine'}\n"
        "  worker:\n    image: shop\n    command: celery -b redis://rediss:6379 worker -P solo\n"
    )
    with pytest.raises(TaskyardError, match="for 1 worker to answer; saw none") as raised:
        runner_of(tmp_path, demo, compose).demo(Choice("local", "you asked"), keep=False)
    assert "`worker` wrote last: " in str(raised.value)
    assert "rediss" in str(raised.value)
    assert "demo.py" not in str(raised.value)


SHOP = """
services:
  shop:
    image: shop
    command: python -c '{}'
"""
ORDERS = """
def demo(stack, show):
    done = stack.exec("shop", ["python", "-c", "import tasks; tasks.send()"])
    if done.exit_code:
        raise RuntimeError(done.stderr)
"""


@pytest.mark.parametrize(
    ("command", "tasks", "what", "line"),
    [
        ("import tasks", "import os\n\ndef send(\n", "was never closed", 3),
        ("import time; time.sleep(600)", "def send():\n    {}[1]\n", "your code: KeyError: 1", 2),
    ],
)
def test_a_fault_of_the_learner_s_code_in_a_demo_is_found_in_it(
    tmp_path: Path, command: str, tasks: str, what: str, line: int
) -> None:
    """Whether a service could not start with it, or the demo ran it; and nothing of ours."""
    runner = runner_of(tmp_path, ORDERS, SHOP.format(command))
    (tmp_path / "files" / "tasks.py").write_text(tasks)
    with pytest.raises(TaskyardError, match=what) as raised:
        runner.demo(Choice("local", "you asked for it"), keep=False)
    (fault,) = raised.value.faults
    assert (fault.path, fault.line) == (tmp_path / "files" / "tasks.py", line)


DIES = """
from taskyard.deadline import until

def demo(stack, show):
    (stack.project.folder / "go").touch()
    until(lambda: stack.ps()[0].exit_code, "the end of the shop")
    stack.exec("shop", ["python", "-c", "pass"])
"""


def test_a_service_that_died_of_the_learner_s_code_explains_why_a_demo_cannot_go_on(
    tmp_path: Path,
) -> None:
    """`it is not running` would be true, and no help."""
    waits = 'import pathlib, time\nwhile not pathlib.Path("go").exists(): time.sleep(0.05)\n'
    compose = {"services": {"shop": {"image": "shop", "command": ["python", "dies.py"]}}}
    runner = runner_of(tmp_path, DIES, json.dumps(compose))
    (tmp_path / "files" / "dies.py").write_text(f"{waits}{{}}[1]\n")
    with pytest.raises(TaskyardError, match="ended with exit code 1") as raised:
        runner.demo(Choice("local", "you asked for it"), keep=False)
    (fault,) = raised.value.faults
    assert (fault.path, fault.line) == (tmp_path / "files" / "dies.py", 3)


def test_an_error_of_the_demo_s_own_is_shown_whole(tmp_path: Path) -> None:
    """No file of the learner's is blamed for it."""
    runner = runner_of(tmp_path, "def demo(stack, show):\n    {}[1]\n", REDIS)
    with pytest.raises(KeyError):
        runner.demo(Choice("local", "you asked for it"), keep=False)


def test_a_demo_that_waits_in_vain_for_a_task_names_the_slip_in_it(tmp_path: Path) -> None:
    """The worker goes on after it, and the demo's wait is over in the end."""
    demo = (
        "from taskyard.deadline import until\n"
        "def demo(stack, show):\n"
        '    stack.wait_log("shop", "KeyError: 1")\n'
        '    until(lambda: None, "a result", 0, control=lambda: 1)\n'
    )
    command = (
        "import tasks, time, traceback\n"
        "try: tasks.send()\n"
        "except Exception: traceback.print_exc()\n"
        "time.sleep(600)"
    )
    compose = {"services": {"shop": {"image": "shop", "command": ["python", "-uc", command]}}}
    runner = runner_of(tmp_path, demo, json.dumps(compose))
    (tmp_path / "files" / "tasks.py").write_text("def send():\n    {}[1]\n")
    with pytest.raises(TaskyardError, match=r"for a result; .*KeyError: 1") as raised:
        runner.demo(Choice("local", "you asked for it"), keep=False)
    (fault,) = raised.value.faults
    assert (fault.path, fault.line) == (tmp_path / "files" / "tasks.py", 2)


@pytest.mark.parametrize("gone", ["compose.yaml", "tasks.py"])
def test_a_demo_says_how_a_deleted_file_comes_back(tmp_path: Path, gone: str) -> None:
    """It holds whatever goes wrong without it."""
    lab = tmp_path / "02-image-layers"
    (lab / "starter").mkdir(parents=True)
    (lab / "starter" / gone).write_text("")
    runner = runner_of(lab, "def demo(stack, show):\n    stack.up()\n", "services: {a: {image: b}}")
    if gone == "compose.yaml":
        (lab / "files" / gone).unlink()
    with pytest.raises(TaskyardError) as raised:
        runner.demo(Choice("local", "you asked for it"), keep=False)
    assert f"`{gone}` is missing; `make reset-2` brings the starter back" in str(raised.value)


@pytest.mark.parametrize("command", ["demo", "check"])
def test_a_lab_that_needs_docker_names_the_next_one_that_does_not(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command as in `make progress`."""
    course = Course.discover(tiny_course.build(tmp_path / "course"))
    first, _ = course.labs
    first.demo.write_text(DEMO)
    runner = Runner(course, first, Show())
    choice = Choice("local", "no Docker engine answers")
    with pytest.raises(SystemExit):
        runner.demo(choice, keep=False) if command == "demo" else runner.check(choice)
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "Come back to this lab with Docker. Without it you can go on:",
        "  $ make lab-2",
    ]
