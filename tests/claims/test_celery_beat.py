"""What beat writes down, and when."""

from __future__ import annotations

import logging
import os
import secrets
import shelve
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from celery import Celery
from celery.beat import PersistentScheduler

from taskyard.kit.queue import look

pytestmark = pytest.mark.xdist_group("claims-beat")


SYNC_S = 3 * 60
BEFORE, MORE = 3, 2
KILLED = """
import os, signal, sys
from celery import Celery
from celery.beat import PersistentScheduler

url, path, ticks, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
app = Celery("claims", broker=url, set_as_current=False)
app.conf.beat_schedule = {"report": {"task": "tasks.build_report", "schedule": 0.001}}
beat = PersistentScheduler(app, schedule_filename=path)
wanted = beat.schedule["report"].total_run_count + ticks
beat._do_sync()
while beat.schedule["report"].total_run_count < wanted:
    beat.tick()

def step(event, arguments):
    global steps
    if arguments and str(arguments[0]).startswith(("b'" + path, path)):
        steps -= 1
        if steps == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(step)
beat.sync()
os._exit(0)  # what would be written at the end is not asked here
"""
"""Starts a scheduler, sends `ticks` ticks, and is killed at step `steps` of writing them."""
STOPPED = """
import os, signal
from celery import Celery
from celery.signals import before_task_publish

app = Celery("claims", broker=os.environ["BROKER_URL"])
app.conf.beat_schedule = {"report": {"task": "tasks.build_report", "schedule": 0.001}}

@before_task_publish.connect
def stop(**message):
    os.kill(os.getpid(), signal.SIGTERM)
"""
"""The app of a beat that is stopped when it has counted a tick, and has not sent it."""


def scheduler(app: Celery, folder: Path) -> PersistentScheduler:
    """Start a scheduler with one entry, which is due at every tick."""
    app.conf.beat_schedule = {"report": {"task": "tasks.build_report", "schedule": 0.001}}
    folder.mkdir()
    return PersistentScheduler(app, schedule_filename=str(folder / "schedule"))


def send(scheduler: PersistentScheduler, ticks: int) -> None:
    """Let it run until it has sent `ticks` more."""
    wanted = scheduler.schedule["report"].total_run_count + ticks
    while scheduler.schedule["report"].total_run_count < wanted:
        scheduler.tick()


def known_and_written(scheduler: PersistentScheduler) -> tuple[int, int]:
    """Return how many ticks a scheduler knows of, and how many its file."""
    path = Path(scheduler.schedule_filename)
    copy = path.parent / f"copy-{secrets.token_hex(4)}"
    copy.mkdir()
    for file in path.parent.glob(f"{path.name}*"):  # one file or several: dbm decides
        (copy / file.name).write_bytes(file.read_bytes())
    with shelve.open(str(copy / path.name), "r") as written:
        known = scheduler.schedule["report"].total_run_count
        return known, written["entries"]["report"].total_run_count


def test_beat_writes_its_file_after_the_first_tick_and_then_at_most_every_three_minutes(
    app: Celery, tmp_path: Path
) -> None:
    """
    Of three ticks the file knows one; the next one after three minutes makes it know all.

    With `beat_sync_every = 1` it knows all of three.
    """
    beat = scheduler(app, tmp_path / "beat")
    send(beat, ticks=3)
    assert (3, 1) == known_and_written(beat)
    beat._last_sync -= SYNC_S - 60  # as if two minutes had passed
    send(beat, ticks=1)
    assert (4, 1) == known_and_written(beat)
    beat._last_sync -= 60
    send(beat, ticks=1)
    assert (5, 5) == known_and_written(beat)
    app.conf.beat_sync_every = 1
    eager = scheduler(app, tmp_path / "eager")
    send(eager, ticks=3)
    assert (3, 3) == known_and_written(eager)


def known_after(app: Celery, folder: Path) -> int:
    """Start a scheduler on what lies in a folder; tell how many ticks it knows of."""
    beat = PersistentScheduler(app, schedule_filename=str(folder / "schedule"))
    known: int = beat.schedule["report"].total_run_count
    send(beat, ticks=1)  # it works
    beat.close()
    return known


def test_a_beat_killed_while_it_writes_starts_again(app: Celery, url: str, tmp_path: Path) -> None:
    """
    Whichever step of writing was its last, the next beat starts from the file that is left.

    It knows all ticks, those of the last time it wrote, or none.
    """

    def write(folder: Path, ticks: int, killed_before: int) -> int:
        command = [sys.executable, "-c", KILLED, url, str(folder / "schedule")]
        return subprocess.run([*command, str(ticks), str(killed_before)], check=False).returncode

    app.conf.beat_schedule = {"report": {"task": "tasks.build_report", "schedule": 0.001}}
    (tmp_path / "0").mkdir()
    assert 0 == write(tmp_path / "0", BEFORE, killed_before=0)
    known, steps, status = set(), 0, -signal.SIGKILL
    while status == -signal.SIGKILL:
        steps += 1
        folder = tmp_path / str(steps)
        shutil.copytree(tmp_path / "0", folder)
        status = write(folder, MORE, killed_before=steps)
        known.add(known_after(app, folder))
    assert 0 == status
    assert {BEFORE + MORE} <= known <= {BEFORE + MORE, BEFORE, 0}


def test_a_beat_that_cannot_read_its_file_removes_it_and_begins_anew(
    app: Celery, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A torn schedule file keeps no beat from starting: it says so, and forgets what was in it."""
    beat = scheduler(app, tmp_path / "beat")
    send(beat, ticks=BEFORE)
    beat.close()
    for file in (tmp_path / "beat").iterdir():
        file.write_bytes(file.read_bytes()[:10])
    caplog.set_level(logging.ERROR, "celery.beat")
    assert 0 == known_after(app, tmp_path / "beat")
    assert ["Removing corrupted schedule file"] == [one.getMessage()[:32] for one in caplog.records]


def test_a_beat_that_is_stopped_between_counting_and_sending_loses_a_tick(
    url: str, tmp_path: Path
) -> None:
    """SIGTERM before the message is sent: beat ends with 0, has counted the tick and sent none."""
    (tmp_path / "stopped.py").write_text(STOPPED)
    command = [sys.executable, "-m", "celery", "-A", "stopped", "beat", "--schedule=schedule"]
    environment = {**os.environ, "BROKER_URL": url}
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=False)
    assert 0 == done.returncode
    with shelve.open(str(tmp_path / "schedule"), "r") as written:
        assert 1 == written["entries"]["report"].total_run_count
    assert {} == look(url).waiting
