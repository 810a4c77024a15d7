"""The commands as a learner runs them: real processes, a desk of their own, the local engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

import click
import pytest
import redis
import tiny_course
from processes import left_of
from started import decided
from terminal import Terminal

from taskyard.cli import main
from taskyard.course import Course
from taskyard.files import ROOT

DEADLINE_S = 60.0
NO_DOCKER = {"DOCKER_HOST": "unix:///nonexistent"}

Taskyard = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(work: Path, **more: str) -> Mapping[str, str]:
    return {**os.environ, **NO_DOCKER, "TASKYARD_WORK": str(work), "COLUMNS": "60", **more}


@pytest.fixture
def taskyard(tmp_path: Path) -> Taskyard:
    """Run `python -m taskyard` with a desk below `tmp_path`, in a terminal of 60 columns."""

    def run(*arguments: str, input: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        def once() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "taskyard", *arguments],
                env=environment(tmp_path / "work", **more),
                cwd=ROOT,
                input=input,
                capture_output=True,
                text=True,
                timeout=DEADLINE_S * 2,
            )

        return decided(once, lambda done: done.returncode)

    return run


def solve(work: Path, variant: str = "solution") -> None:
    Course.discover().lab("first-task").assemble(variant, work / "labs" / "first-task")


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """List the processes and state folders of this desk's runs of lab 01."""
    monkeypatch.setenv("TASKYARD_WORK", str(tmp_path / "work"))
    return lambda: left_of("first-task")


@pytest.mark.xdist_group("lab-1")
def test_a_lab_from_the_start_to_the_next_step(
    taskyard: Taskyard, tmp_path: Path, left: Callable[[], list[str]]
) -> None:
    """Demo, check that fails for its reason, hints, solution, check that passes, progress."""
    demo = taskyard("lab", "1")
    assert (demo.returncode, demo.stderr) == (0, "")
    for seen in ("using the local engine: no Docker engine answers", "Predict:", "worker-1 slot 2"):
        assert seen in demo.stdout
    assert "make check-1" in demo.stdout.splitlines()[-1]
    assert max(map(len, demo.stdout.splitlines())) <= 60

    failed = taskyard("check", "1")
    assert failed.returncode == 1
    assert "FAIL    The customer has the answer" in failed.stdout
    said = " ".join(failed.stdout.split())
    assert "look at: endpoint.py, place_order" in said
    assert "not run A worker sends every e-mail once, however late it is." in said

    for number in (1, 2, 3):
        assert f"Hint {number} of 3" in taskyard("hint", "1").stdout
    refused = taskyard("solution", "1")
    assert refused.returncode == 1
    assert "has not passed yet" in refused.stderr
    assert "+    return [send_email.delay" in taskyard("solution", "1", "--yes").stdout

    solve(tmp_path / "work")
    passed = taskyard("check", "1", "--json", str(tmp_path / "verdicts.json"))
    assert passed.returncode == 0, passed.stdout
    assert "All 3 requirements hold." in passed.stdout
    verdicts = json.loads((tmp_path / "verdicts.json").read_text())["requirements"]
    assert ["passed"] * 3 == [verdict["outcome"] for verdict in verdicts]
    assert "passed" in taskyard("progress").stdout

    reset = taskyard("reset", "1")
    assert "your files are in" in reset.stdout
    kept = tmp_path / "work" / "labs" / "first-task.1" / "endpoint.py"
    assert "send_email.delay" in kept.read_text()
    assert [] == left()


@pytest.mark.xdist_group("lab-1")
def test_a_lab_reads_in_ascii_and_without_colour(taskyard: Taskyard) -> None:
    """Where the output's encoding knows ASCII only, nothing else is printed."""
    demo = taskyard("lab", "1", PYTHONIOENCODING="ascii", NO_COLOR="1", FORCE_COLOR="")
    assert demo.returncode == 0, demo.stderr
    assert demo.stdout.isascii()
    assert "\x1b" not in demo.stdout
    assert "###" in demo.stdout


@pytest.mark.xdist_group("lab-1")
def test_a_kept_stack_answers_until_it_is_taken_down(
    taskyard: Taskyard, left: Callable[[], list[str]]
) -> None:
    """`KEEP=1` leaves everything up, and `down` removes it."""
    kept = taskyard("lab", "1", KEEP="1")
    assert "make down-1" in kept.stdout
    assert len(left()) > 4
    assert "removing taskyard-first-task-" in taskyard("down", "1").stdout
    assert [] == left()
    assert "Nothing of this lab is running." in taskyard("down", "1").stdout


@pytest.mark.parametrize(
    ("engine", "lines"),
    [
        pytest.param(
            "local",
            ("redis-1: running healthy", "log: /", "make shell-1 SERVICE=worker"),
            marks=pytest.mark.xdist_group("lab-1"),
        ),
        pytest.param(
            "docker",
            ("redis-1: Up", "log: docker logs taskyard-", "docker exec -it taskyard-"),
            marks=[pytest.mark.docker, pytest.mark.xdist_group("lab-1-docker")],
        ),
    ],
)
def test_a_kept_stack_can_be_looked_at(
    taskyard: Taskyard, left: Callable[[], list[str]], engine: str, lines: tuple[str, ...]
) -> None:
    """Where it answers, its logs, a shell in it; the next run says that it is there."""
    there = {"DOCKER_HOST": ""} if engine == "docker" else {}
    kept = taskyard("--engine", engine, "lab", "1", KEEP="1", **there)
    try:
        address = re.search(r"port 6379: 127\.0\.0\.1:(\d+)", kept.stdout)
        assert address, kept.stdout + kept.stderr
        assert redis.Redis(port=int(address[1])).ping()
        seen = taskyard("ps", "1", **there)
        for line in lines:
            assert line in kept.stdout
            assert line in seen.stdout or line.startswith(("make", "docker exec"))
        logs = taskyard("logs", "1", "--service", "worker", **there).stdout
        assert "tasks.send_email" in logs
        assert taskyard("logs", "1", **there).stdout.startswith("redis-1")
        command = "celery -A tasks inspect ping\n"
        inside = taskyard("shell", "1", "--service", "worker-1", input=command, **there).stdout
        assert "1 node online" in inside
        unknown = taskyard("shell", "1", "--service", "wroker", **there)
        assert (unknown.returncode, unknown.stdout) == (1, "")
        assert "did you mean `worker`?" in unknown.stderr
        again = " ".join(taskyard("--engine", engine, "check", "1", **there).stdout.split())
        assert re.search(r"`taskyard-first-task-\S+` is still there; .*make down-1", again)
    finally:
        taskyard("down", "1", **there)
    assert [] == left()
    gone = taskyard("ps", "1", **there)
    assert gone.returncode == 1
    assert "KEEP=1 make lab-1" in gone.stderr


def test_a_forced_engine_never_falls_back(taskyard: Taskyard) -> None:
    """Docker is asked for and does not answer: an error, and no local run."""
    asked = taskyard("--engine", "docker", "lab", "1")
    assert asked.returncode == 1
    assert "you asked for Docker, but no Docker engine answers" in asked.stderr
    assert asked.stdout == ""


def test_an_unknown_lab_is_an_error_that_names_the_others(taskyard: Taskyard) -> None:
    """A near miss is named."""
    unknown = taskyard("lab", "frist-task")
    assert unknown.returncode == 1
    assert "there is no lab `frist-task`" in unknown.stderr
    assert "did you mean `first-task`" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_progress_without_docker_names_a_lab_that_can_be_done(
    taskyard: Taskyard, tmp_path: Path
) -> None:
    """Lab 02 builds images: its row says that it needs Docker, and a later one is next."""
    done = json.dumps({"labs": {"first-task": {"demo": 1, "passed": 1, "failed": 1}}})
    tiny_course.write(tmp_path / "work" / "progress.json", done)
    told = taskyard("progress").stdout
    assert re.search(r"02 +Image layers +- +needs Docker", told)
    assert re.search(r"make lab-[34]$", told.strip())
    refused = taskyard("lab", "2")
    assert refused.returncode == 3
    assert refused.stdout.splitlines()[-1] == told.splitlines()[-1]


def test_one_failed_check_is_one_try(taskyard: Taskyard, tmp_path: Path) -> None:
    """Two failed checks are two tries."""
    done = {"first-task": {"failed": 1}, "redis-cache": {"failed": 2}}
    tiny_course.write(tmp_path / "work" / "progress.json", json.dumps({"labs": done}))
    told = taskyard("progress").stdout
    assert re.search(r"First task +- +1 try +-", told)
    assert re.search(r"Redis cache +- +2 tries +-", told)


def test_a_wrong_option_is_a_usage_error(taskyard: Taskyard) -> None:
    """The exit status is 2, as is usual."""
    assert taskyard("--engine", "podman", "lab", "1").returncode == 2


@pytest.mark.xdist_group("lab-1")
def test_a_syntax_error_of_the_learner_is_told_with_its_line(
    taskyard: Taskyard, tmp_path: Path
) -> None:
    """The shop does not start: the check shows what Python said, and fails."""
    solve(tmp_path / "work")
    file = tmp_path / "work" / "labs" / "first-task" / "endpoint.py"
    file.write_text("def place_order(addresses:\n")
    failed = taskyard("check", "1")
    assert failed.returncode == 1
    assert "SyntaxError" in failed.stdout
    assert "endpoint.py" in failed.stdout


def test_a_broken_compose_file_is_told_with_its_line(taskyard: Taskyard, tmp_path: Path) -> None:
    """A key that Compose does not know stops the lab before anything starts."""
    solve(tmp_path / "work")
    file = tmp_path / "work" / "labs" / "first-task" / "compose.yaml"
    file.write_text(file.read_text().replace("    command:", "    comand:", 1))
    failed = taskyard("lab", "1")
    assert failed.returncode == 1
    assert "did you mean `command`?" in failed.stderr
    assert "compose.yaml:" in failed.stderr


@pytest.mark.xdist_group("lab-1")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_check_that_is_interrupted_says_so(
    tmp_path: Path, number: signal.Signals, left: Callable[[], list[str]]
) -> None:
    """It blames neither the learner nor the check, and its stack is gone."""
    check = subprocess.Popen(
        [sys.executable, "-m", "taskyard", "check", "1"],
        env=environment(tmp_path / "work"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert check.stdout is not None
    while "using the" not in check.stdout.readline():
        pass
    time.sleep(2)  # in the middle of the first requirement, or of the start: either is fine
    check.send_signal(number)
    told, errors = check.communicate(timeout=DEADLINE_S)
    assert (check.returncode, errors) == (128 + number, "stopped\n")
    assert "FAIL" not in told
    assert [] == left()


def test_doctor_has_a_line_for_each_thing_and_its_cure(taskyard: Taskyard) -> None:
    """Without Docker a lab can still run, so the doctor is content and says so."""
    told = taskyard("doctor")
    assert told.returncode == 0
    for what in ("Python", "embedded Redis", "Docker", "disk", "memory", "ports"):
        assert what in told.stdout


def test_a_dead_link_stops_authors_and_no_learner(tmp_path: Path) -> None:
    """The commands that write pages say what is wrong with them; a hint is given all the same."""
    root = tiny_course.build(tmp_path / "course")
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    tiny_course.write(root / "GLOSSARY.md", "[x](gone.md)\n")
    around = {**environment(tmp_path / "work"), "PYTHONPATH": str(root / "src")}
    done = {}
    for command in ("map", "notebooks", "new beat", "progress", "hint 1"):
        arguments = [sys.executable, "-m", "taskyard", *command.split()]
        run = subprocess.run(arguments, env=around, cwd=root, capture_output=True, text=True)
        done[command] = (run.returncode, "`gone.md` is dead" in run.stderr)
    stopped, goes_on = (1, True), (0, False)
    assert done == {
        "map": stopped,
        "notebooks": stopped,
        "new beat": stopped,
        "progress": goes_on,
        "hint 1": goes_on,
    }


def learner(
    *arguments: str, stdout: int | IO[bytes] = subprocess.PIPE, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line with these variables and that output."""
    command = [sys.executable, "-m", "taskyard", *arguments]
    env = {**os.environ, **NO_DOCKER, **variables}
    return subprocess.run(
        command, env=env, cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
@pytest.mark.parametrize("words", ["--help", "progress", "hint 1", "cards lint", "check 1"])
def test_a_full_disk_under_the_output_is_told(tmp_path: Path, words: str) -> None:
    """It gives one sentence and no traceback, and nothing goes on afterwards."""
    with Path("/dev/full").open("wb") as full:
        told = learner(*words.split(), stdout=full, TASKYARD_WORK=str(tmp_path / "work"))
    said = "error: what this prints cannot be written: no space left on device\n"
    assert (told.returncode, told.stderr) == (1, said)


def test_a_reader_that_leaves_ends_a_check(tmp_path: Path, left: Callable[[], list[str]]) -> None:
    """As in `make check-1 | head -2`: its stack is gone, and it says nothing about a pipe."""
    check = subprocess.Popen(
        [sys.executable, "-m", "taskyard", "check", "1"],
        env=environment(tmp_path / "work"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert check.stdout is not None and check.stderr is not None
    assert b"Check 01" in check.stdout.readline()
    check.stdout.close()
    assert check.stderr.read() == b""
    assert check.wait(DEADLINE_S) == 128 + signal.SIGPIPE
    assert [] == left()


def test_a_report_that_cannot_be_written_is_told_before_the_check(taskyard: Taskyard) -> None:
    """It is reported at once, and not after twenty seconds of requirements."""
    told = taskyard("check", "1", "--json", "/nonexistent/verdicts.json")
    assert told.returncode == 1
    assert "the report cannot be written: no such file or directory" in told.stderr
    assert "--> /nonexistent/verdicts.json" in told.stderr
    assert "requirement" not in told.stdout + told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.xdist_group("lab-1")
def test_plugins_of_another_project_stay_out_of_a_check(taskyard: Taskyard) -> None:
    """Options for pytest in the shell's environment do not reach the requirements."""
    told = taskyard("check", "1", PYTEST_PLUGINS="nope", PYTEST_ADDOPTS="--nope")
    assert "FAIL    The customer has the answer" in told.stdout
    assert told.stderr == ""


def test_no_temporary_folder_is_told_with_its_cure(tmp_path: Path) -> None:
    """Python looks in five places; here it finds each of them full."""
    code = (
        "import resource, signal; from taskyard.cli import main;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); main(['down', '1'])"
    )
    work = {"TASKYARD_WORK": str(tmp_path / "work")}
    learner("down", "1", **work)
    env = {**os.environ, **work}
    told = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True
    )
    assert told.returncode == 1
    assert "there is no folder for temporary files" in told.stderr
    assert "export TMPDIR=" in told.stderr
    assert "Traceback" not in told.stderr


def test_ctrl_c_during_the_first_imports_says_stopped(tmp_path: Path) -> None:
    """A machine that has just started takes seconds for them; here, one import takes for ever."""
    slow = "import time\nprint('importing', flush=True)\ntime.sleep(600)\n"
    tiny_course.write(tmp_path / "click.py", slow)
    process = subprocess.Popen(
        [sys.executable, "-m", "taskyard", "lab", "1"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=DEADLINE_S) == ("", "stopped\n")
    assert process.returncode == 128 + signal.SIGINT


def test_a_desk_that_cannot_be_written_keeps_jupyterlab_closed(tmp_path: Path) -> None:
    """A file stands where the folder should be; the sentence is that of the labs."""
    tiny_course.write(tmp_path / "work", "a file\n")
    told = learner("start", TASKYARD_WORK=str(tmp_path / "work"))
    assert told.returncode == 1
    assert "your folder `work/` cannot be used" in told.stderr
    assert "Traceback" not in told.stderr


# In a terminal


def terminal(*command: str, work: Path, columns: int = 100, **more: str) -> Terminal:
    """Run a command in a terminal of its own, without Docker."""
    env = {**os.environ, **NO_DOCKER, "TASKYARD_WORK": str(work), **more}
    return Terminal(command, env, columns)


@pytest.mark.xdist_group("lab-1")
def test_make_adds_no_error_of_its_own_to_a_verdict_that_somebody_reads(tmp_path: Path) -> None:
    """In a terminal; a script, and whatever sets `CI`, goes by the status."""
    status, told = terminal("make", "check-1", work=tmp_path).end()
    assert (status, told.splitlines()[-1]) == (0, "  $ make hint-1")
    assert 0 < told.index("The customer has the answer") < told.index("FAIL")  # named while tried
    status, told = terminal("make", "lab-2", work=tmp_path).end()
    assert (status, "This lab needs Docker" in told) == (0, True)
    status, told = terminal("make", "lab-100", work=tmp_path).end()
    assert (status, "there is no lab `100`" in told) == (2, True)
    for ci in ({}, {"CI": "true"}):
        script = subprocess.run(
            ["make", "check-1"],
            env={**environment(tmp_path), **ci},
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert (script.returncode, "Error 1" in script.stderr) == (2, True)
    status, _ = terminal(sys.executable, "-m", "taskyard", "check", "1", work=tmp_path).end()
    assert status == 1


def test_no_is_an_answer_and_ctrl_c_is_another(tmp_path: Path) -> None:
    """Neither prints `Aborted!`."""
    command = (sys.executable, "-m", "taskyard", "solution", "1")
    asked = terminal(*command, work=tmp_path)
    asked.wait_for("[y/N]")
    asked.type("n\n")
    status, told = asked.end()
    assert (status, "make hint-1" in told, "Abort" in told) == (0, True, False)
    asked = terminal(*command, work=tmp_path)
    asked.wait_for("[y/N]")
    asked.type("\x03")
    status, told = asked.end()
    assert (status, told.splitlines()[-1], "Abort" in told) == (130, "stopped", False)


Words = tuple[str, ...]


def commands(command: click.Command, *words: str) -> Iterator[tuple[Words, click.Command]]:
    """Yield a command and every command below it, each with the words that call it."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, *words, name)


COMMANDS = list(commands(main))
CALLS = [" ".join(words) for words, command in COMMANDS if not isinstance(command, click.Group)]
OPTIONS = [
    (" ".join([*words, option.opts[-1]]), option)
    for words, command in COMMANDS
    for option in command.params
    if isinstance(option, click.Option)
]


@pytest.mark.parametrize(
    ("words", "command"), COMMANDS, ids=[" ".join(words) or "taskyard" for words, _ in COMMANDS]
)
def test_a_command_has_a_sentence_of_help(words: Words, command: click.Command) -> None:
    """The first paragraph of its docstring, which the list of commands shows."""
    sentence = " ".join((command.help or "").partition("\n\n")[0].split())
    assert re.fullmatch(r"[A-Z].*[^.]\.", sentence)


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=[name for name, _ in OPTIONS])
def test_an_option_has_a_sentence_of_help(name: str, option: click.Option) -> None:
    """`--help` prints it beside the option."""
    assert re.fullmatch(r"[A-Z].*[^.]\.", option.help or "")


@pytest.mark.parametrize("call", CALLS)
def test_a_command_stands_in_the_documents_or_behind_a_target(call: str) -> None:
    """The documents name every target, as `test_makefile.py` makes sure."""
    call = re.escape(call) + r"(?![\w-])"
    pages = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")]
    recipes = (ROOT / "Makefile").read_text(encoding="utf-8")
    is_named = any(re.search(rf"\bpython -m taskyard {call}", page) for page in pages)
    assert is_named or re.search(rf"^\t@\$\(TASKYARD\) {call}", recipes, re.MULTILINE)
