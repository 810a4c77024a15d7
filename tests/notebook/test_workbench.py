"""What a chapter's first cell opens: the files, the stack, and that nothing of it stays."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from processes import is_alive

from taskyard.course import Course
from taskyard.deadline import until
from taskyard.errors import TaskyardError
from taskyard.notebook.workbench import Bench, open_files, open_lab, open_stack

COMPOSE = """\
services:
  redis:
    image: redis:8
  api:
    image: debian:13
    command: sleep 600
    environment:
      SHOP_BROKER: redis://redis:6379/0
      SHOP_RESULTS: redis://redis:6379/1
      SHOP_COLOUR: green
"""

HOLD = """\
import sys, time
from pathlib import Path
from taskyard.course import Course
from taskyard.notebook.workbench import open_lab
bench = open_lab("first-task", course=Course.discover(Path(sys.argv[1])))
bench.up()
print(bench.stack.url(), flush=True)
time.sleep(600)
"""
GONE_S = 15.0


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """A course with one lab whose solution has another `tasks.py` than its starter."""
    root = tmp_path / "course"
    lab = root / "labs" / "01-first-task"
    for folder in (root / "chapters", lab / "starter", lab / "solution"):
        folder.mkdir(parents=True)
    (root / "chapters" / "01-first-task.md").write_text("# First task\n", encoding="utf-8")
    for name in ("README.md", "demo.py", "check.py"):
        (lab / name).write_text("# First task\n", encoding="utf-8")
    (lab / "expect.toml").write_text('[starter]\nrequirement = "r"\nmessage = "m"\n')
    (lab / "starter" / "compose.yaml").write_text(COMPOSE, encoding="utf-8")
    (lab / "starter" / "tasks.py").write_text('VARIANT = "starter"\n', encoding="utf-8")
    (lab / "solution" / "tasks.py").write_text('VARIANT = "solution"\n', encoding="utf-8")
    return Course.discover(root)


@pytest.fixture
def opened(course: Course, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Bench]]:
    """Open variants of the lab, and close the last one."""
    benches = []

    def open_variant(variant: str) -> Bench:
        benches.append(open_lab("first-task", variant, course))
        return benches[-1]

    for name in ("SHOP_BROKER", "SHOP_RESULTS"):
        monkeypatch.setenv(name, "before")  # restores what was there
    monkeypatch.delenv("REDIS_URL", raising=False)
    yield open_variant
    benches[-1].close()


def test_the_lab_can_be_imported_and_opening_it_again_forgets_the_old_copy(
    opened: Callable[[str], Bench],
) -> None:
    first = opened("starter")
    assert importlib.import_module("tasks").VARIANT == "starter"
    second = opened("solution")
    assert importlib.import_module("tasks").VARIANT == "solution"
    assert not first.folder.exists()
    assert sys.path.count(str(second.folder)) == 1
    assert str(first.folder) not in sys.path
    assert repr(second) == "<lab first-task, solution>"


def test_this_process_reaches_the_redis_of_the_stack(opened: Callable[[str], Bench]) -> None:
    bench = opened("solution")
    bench.up()
    assert os.environ["SHOP_BROKER"] == bench.stack.url(database=0)
    assert os.environ["SHOP_RESULTS"] == bench.stack.url(database=1)
    assert "SHOP_COLOUR" not in os.environ
    with redis.Redis.from_url(os.environ["SHOP_BROKER"]) as client:
        assert client.ping()


def test_a_variant_that_is_not_there_leaves_no_folder(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with pytest.raises(TaskyardError, match="no variant `solved`"):
        open_lab("first-task", "solved", course)
    assert list(temporary.iterdir()) == []


def test_files_are_a_copy_that_goes_when_it_is_closed(course: Course) -> None:
    """Nothing runs, and the next thing that is opened closes it too."""
    first = open_files("first-task", "starter", course)
    (first.folder / "tasks.py").write_text("VARIANT = 'mine'\n")
    second = open_files("first-task", "starter", course)
    assert not first.folder.exists()
    assert "starter" in (second.folder / "tasks.py").read_text()
    assert repr(second) == "<files of lab first-task, starter>"
    second.close()
    assert not second.folder.exists()


def test_a_log_is_waited_for(opened: Callable[[str], Bench]) -> None:
    """What a service has not written yet is no answer; what it never writes is an error."""
    bench = opened("solution")
    bench.up()
    stack = bench.stack
    assert "eady to accept" in stack.wait_log("redis", "eady to accept")
    with pytest.raises(
        TimeoutError, match=r"for `redis` to write `teapot`; saw a log that ends with: .+"
    ):
        stack.wait_log("redis", "teapot", timeout_s=0.1)


def test_another_folder_of_a_lab_is_opened_with_the_compose_file_that_is_named(
    course: Course,
) -> None:
    """A demo's own stack, in one of several states."""
    folder = course.lab("first-task").folder / "stub"
    folder.mkdir()
    for name in ("slow", "fast"):
        text = f"services: {{{name}: {{image: debian:13, command: sleep 600}}}}"
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    bench = open_stack("first-task", "stub", "fast.yaml", course)
    assert list(bench.stack.project.services) == ["fast"]
    copy = bench.folder
    bench.close()
    assert not copy.exists()


def test_a_killed_kernel_leaves_no_server_and_no_file(course: Course, tmp_path: Path) -> None:
    temporary = tmp_path / "t"
    temporary.mkdir()
    kernel = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(course.root)],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert kernel.stdout
    url = kernel.stdout.readline().strip()
    with redis.Redis.from_url(url) as client:
        server = client.info("server")["process_id"]
    os.killpg(kernel.pid, signal.SIGKILL)
    kernel.communicate()
    until(lambda: not is_alive(server), "the server to end", GONE_S)
    until(lambda: not list(temporary.iterdir()), "the folders to go", GONE_S)
