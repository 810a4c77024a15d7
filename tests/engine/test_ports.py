"""The ports of a local run are its own, and each replica keeps the ones it has had."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from taskyard.deadline import until
from taskyard.engine import block, ports
from taskyard.errors import TaskyardError
from taskyard.kit.stack import Stack

COMPOSE = """
services:
  redis:
    image: redis:8-alpine
    healthcheck: {test: redis-cli ping, interval: 1s, retries: 20}
  one:
    image: python:3.13-slim
    command: sleep 600
"""

BIND_ALL = """
import socket
mine = []
try:
    for port in range(1000, 2000):
        mine.append(socket.socket())
        # as servers do: else what an earlier server's connections left counts as taken
        mine[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        mine[-1].bind(("", port))
except OSError as error:
    print(len(mine) - 1, *(one.getsockname()[1] for one in mine[:-1]))
    print(error)
"""

BIND_BEFORE_IT_IS_NOTED = """
import os, pathlib, socket, subprocess, sys
note = pathlib.Path.replace
def late(draft, target):
    other = {**os.environ, "TASKYARD_REPLICA": "one/2"}
    try:
        subprocess.run([sys.executable, "-c", ALL], env=other, timeout=5)
    except subprocess.TimeoutExpired:
        print("waits")
    return note(draft, target)
pathlib.Path.replace = late
socket.create_server(("", 1000))
"""


def lab(folder: Path) -> Path:
    folder.mkdir()
    (folder / "compose.yaml").write_text(COMPOSE)
    return folder


def bound(stack: Stack) -> list[int]:
    """Bind all ports that a program of `one` can get, and return those of this machine."""
    first, message = stack.exec("one", ["python", "-c", BIND_ALL]).stdout.splitlines()
    assert message.endswith(f"all {block.SIZE - 1} ports of this run are taken")
    return [int(word) for word in first.split()[1:]]


def test_a_block_has_one_owner_until_it_lets_go() -> None:
    """Blocks do not overlap, and one that was given back can be had again."""
    held = [block.reserve() for _ in range(20)]
    numbers = [number for _, own in held for number in own]
    assert len(numbers) == len(set(numbers)) == 20 * (block.SIZE - 1)
    assert not set(numbers) & set(ports.FREE)
    for guard, _ in held:
        guard.close()


def test_when_every_block_is_taken_the_error_says_what_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With three blocks, the fourth run has none."""
    monkeypatch.setattr(
        block, "BLOCKS", range(ports.FREE.start - 3 * block.SIZE, ports.FREE.start, block.SIZE)
    )
    held = [block.reserve()[0] for _ in block.BLOCKS]
    with pytest.raises(TaskyardError, match="every hundredth port") as caught:
        block.reserve()
    for guard in held:
        guard.close()
    assert "make down-N" in str(caught.value)


def test_two_runs_share_no_port(tmp_path: Path) -> None:
    """Whatever their programs bind."""
    with Stack(lab(tmp_path / "a"), "local") as a, Stack(lab(tmp_path / "b"), "local") as b:
        assert not set(bound(a)) & set(bound(b))


def test_two_replicas_that_bind_at_once_share_no_port(tmp_path: Path) -> None:
    """One that has bound a port and not noted it yet keeps the others waiting."""
    program = BIND_BEFORE_IT_IS_NOTED.replace("ALL", repr(BIND_ALL), 1)
    with Stack(lab(tmp_path / "lab"), "local") as stack:
        assert "waits\n" == stack.exec("one", ["python", "-c", program]).stdout


def test_a_redis_that_is_down_keeps_its_port(tmp_path: Path) -> None:
    """A program that binds everything meanwhile does not get it."""
    with Stack(lab(tmp_path / "lab"), "local") as stack:
        url = stack.url("redis")
        stack.stop("redis")
        taken = bound(stack)
        assert len(taken) == block.SIZE - 2
        assert int(url.rpartition(":")[2].partition("/")[0]) not in taken
        stack.start("redis")
        until(lambda: stack.ps()[0].health == "healthy", "Redis", saw=lambda: stack.logs("redis"))
        assert redis.Redis.from_url(url).ping()
