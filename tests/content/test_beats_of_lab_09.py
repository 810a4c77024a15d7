"""The demo of lab 09 runs two beats in one folder on the local engine, and tears no file."""

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


def test_two_beats_that_would_tear_their_file_are_compared(tmp_path: Path) -> None:
    """With the starter, whose beats begin at once: each sends every tick, whatever the disk."""
    lab = COURSE.lab("beat")
    folder = lab.assemble("starter", tmp_path / "lab")
    with (folder / "tasks.py").open("a") as tasks:
        tasks.write(SLOW_DISK)
    written = io.StringIO()
    runner = Runner(COURSE, lab, Show(written), folder)
    runner.demo(Choice("local", "the test asks for it"), keep=False)
    (cost,) = re.findall(r"(\d\.\d), one from each beat", written.getvalue())
    assert 1.5 < float(cost) <= 2
    assert "1, though" in written.getvalue()
