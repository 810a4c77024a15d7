"""The guard of a temporary folder: what it ends and removes, however its starter ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskyard.kit.guarded import GUARD

Text = subprocess.Popen[str]


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Text]:
    """A guard whose folder lies below `tmp_path`."""
    command = [sys.executable, "-I", "-S", str(GUARD), str(tmp_path), "taskyard-test-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        yield process
        process.kill()


@pytest.fixture
def kernel() -> Iterator[Text]:
    """A process that leads a group, as a kernel does."""
    command = [sys.executable, "-c", "import signal; print(flush=True); signal.pause()"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout and process.stdout.readline()
        yield process
        process.kill()


def told(guard: Text, *lines: str) -> Path:
    """Wait for the guard's folder, fill it, write the guard some lines; return the folder."""
    assert guard.stdin and guard.stdout
    folder = Path(guard.stdout.readline().strip())
    (folder / "deep" / "er").mkdir(parents=True)
    guard.stdin.write("".join(f"{line}\n" for line in lines))
    guard.stdin.flush()
    return folder


def ended(guard: Text) -> int:
    """Close the pipe, as the end of its starter does, and return the guard's status."""
    guard.communicate(timeout=30)
    return guard.returncode


def test_the_folder_is_there_before_its_name_and_gone_with_the_pipe(
    guard: Text, tmp_path: Path
) -> None:
    """It lies in the folder that was asked for, with a name of its own."""
    folder = told(guard)
    assert (tmp_path, True) == (folder.parent, folder.is_dir())
    assert 0 == ended(guard)
    assert [] == list(tmp_path.iterdir())


def test_a_kernel_that_is_left_is_killed(guard: Text, kernel: Text) -> None:
    """The pipe has ended, and no line has said that the kernel ended by itself."""
    folder = told(guard, str(kernel.pid))
    assert 0 == ended(guard)
    assert -signal.SIGKILL == kernel.wait(timeout=30)
    assert not folder.exists()


def test_after_done_no_group_is_touched(guard: Text, kernel: Text) -> None:
    """Its number may be another process's by then."""
    folder = told(guard, str(kernel.pid), "done")
    assert 0 == ended(guard)
    assert kernel.poll() is None
    assert not folder.exists()


def test_a_kernel_that_is_gone_keeps_no_other_alive(guard: Text, kernel: Text) -> None:
    """The groups are ended one by one."""
    gone = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    gone.wait(timeout=30)
    told(guard, str(gone.pid), str(kernel.pid))
    assert 0 == ended(guard)
    assert -signal.SIGKILL == kernel.wait(timeout=30)
