"""What beat writes down, and when."""

from __future__ import annotations

import shelve
from pathlib import Path

import pytest
from celery import Celery
from celery.beat import PersistentScheduler

pytestmark = pytest.mark.xdist_group("claims-beat")


def sent_and_written(app: Celery, path: Path) -> tuple[int, int]:
    """Have a scheduler send three ticks; return how many it knows of, and how many its file."""
    app.conf.beat_schedule = {"report": {"task": "tasks.build_report", "schedule": 0.001}}
    scheduler = PersistentScheduler(app, schedule_filename=str(path / "schedule"))
    while scheduler.schedule["report"].total_run_count < 3:
        scheduler.tick()
    (path / "copy").mkdir()
    for file in path.glob("schedule*"):  # one file or several: dbm decides
        (path / "copy" / file.name).write_bytes(file.read_bytes())
    with shelve.open(str(path / "copy" / "schedule"), "r") as written:
        return 3, written["entries"]["report"].total_run_count


def test_beat_writes_its_file_after_the_first_tick_and_then_at_most_every_three_minutes(
    app: Celery, tmp_path: Path
) -> None:
    """Of three ticks the file knows one; with `beat_sync_every = 1` it knows all three."""
    assert 3 * 60 == PersistentScheduler.sync_every
    for every, written in ((0, 1), (1, 3)):
        app.conf.beat_sync_every = every
        (tmp_path / str(every)).mkdir()
        assert (3, written) == sent_and_written(app, tmp_path / str(every))
