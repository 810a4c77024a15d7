"""The demo of lab 09 runs two beats on the local engine: no file is torn, and a guard is one."""

from __future__ import annotations

import io
import re
from pathlib import Path

from found import COURSE

from taskyard.engine import Choice
from taskyard.kit.console import Show
from taskyard.learner.runner import Runner

SLOW_DISK = """

import dbm
from pathlib import Path

from celery.beat import PersistentScheduler


class SlowDisk(PersistentScheduler):
    # Writes for a second; a file that two have written at the same moment cannot be read

    def sync(self):
        mine = Path(f"writing-{os.getpid()}")
        mine.touch()
        time.sleep(1)
        if [*Path().glob("writing-*")] != [mine]:
            Path("celerybeat-schedule-torn").touch()
        super().sync()
        mine.unlink()

    def close(self):
        super().close()
        if Path("celerybeat-schedule-torn").exists():
            with dbm.open(self.schedule_filename, "w") as file:
                file["tz"] = b"torn"


app.conf.beat_scheduler = SlowDisk
"""

GUARD = """

import fcntl
import sys

if "beat" in sys.argv:
    lock = open("state/lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("another one runs")
"""


def demo_of(variant: str, tasks_end: str, folder: Path) -> str:
    """Return what the demo shows on a variant with more at the end of its `tasks.py`."""
    lab = COURSE.lab("beat")
    lab.assemble(variant, folder)
    with (folder / "tasks.py").open("a") as tasks:
        tasks.write(tasks_end)
    compose = folder / "compose.yaml"
    compose.write_text(compose.read_text().replace(" --pidfile=beat.pid", ""))
    written = io.StringIO()
    runner = Runner(COURSE, lab, Show(written), folder)
    runner.demo(Choice("local", "the test asks for it"), keep=False)
    return written.getvalue()


def test_two_beats_that_would_tear_their_file_are_compared(tmp_path: Path) -> None:
    """With the starter, whose beats begin at once: each sends every tick, whatever the disk."""
    said = demo_of("starter", SLOW_DISK, tmp_path / "lab")
    (cost,) = re.findall(r"(\d\.\d), one from each beat", said)
    assert 1.5 < float(cost) <= 2
    assert "1, though" in said


def test_a_second_beat_that_ends_by_itself_is_kept_out(tmp_path: Path) -> None:
    """A guard of the learner's own, without a pid file: whatever it ends with."""
    said = demo_of("solution", GUARD, tmp_path / "lab")
    assert "one: your files keep a second beat out" in said
    assert "1, though" in said
