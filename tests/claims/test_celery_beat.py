"""What beat writes down, and when."""

from __future__ import annotations

import secrets
import shelve
from pathlib import Path

import pytest
from celery import Celery
from celery.beat import PersistentScheduler

pytestmark = pytest.mark.xdist_group("claims-beat")


SYNC_S = 3 * 60


def scheduler(app: Celery, folder: Path) -> PersistentScheduler:
    """Start a scheduler with one entry, which is due at every tick."""
    app.conf.beat_schedule = {"report": {"task": "tasks.build_report", "schedule": 0.001}}
    folder.mkdir()
    return PersistentScheduler(app, schedule_filename=str(folder / "schedule"))


def send(scheduler: PersistentScheduler, ticks: int) -> None:
    """Let it run until it has sent so many more."""
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
