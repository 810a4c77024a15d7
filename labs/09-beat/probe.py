"""What the check runs beside beat, with the learner's files: prints JSON as its last line."""

import json
import os
import shelve
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from datetime import datetime, timedelta
from pathlib import Path

MOMENTS_MAX = 1000
BEGINS = ("beat: Starting", "maxinterval", "Sending due task")
QUIET_S = 20.0


def due(task: str, days: str, *starts: str) -> object:
    """Ask the schedule, as beat does, when a task is due in so many days from each start."""
    from celery.app.utils import find_app  # a second to import, which `second` need not wait for
    from celery.beat import Scheduler

    app = find_app("tasks")
    app.loader.import_default_modules()
    app.finalize()
    entries = [entry for entry in Scheduler(app).schedule.values() if entry.task == task]
    found: list[float] = []
    for entry in entries:
        for start in starts:
            last = now = datetime.fromisoformat(start).astimezone(app.timezone)
            end = now + timedelta(days=int(days))
            entry.schedule.nowfun = lambda: now  # noqa: B023
            while now < end and len(found) < MOMENTS_MAX:
                is_due, rest_s = entry.schedule.is_due(last)
                if is_due:
                    last = now
                    found.append(now.timestamp())
                now = datetime.fromtimestamp(now.timestamp() + max(rest_s, 0.001), app.timezone)
    expires = [entry.options.get("expires", app.tasks[task].expires) for entry in entries]
    return {"due": found, "expires": expires}


def second(*command: str) -> object:
    """Run beat once more, until it ends or begins to send; tell what it ended with, or nothing."""
    beat = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    timer = threading.Timer(QUIET_S, os.killpg, (beat.pid, signal.SIGKILL))
    timer.daemon = True
    timer.start()
    assert beat.stdout is not None
    if any(words in line for line in beat.stdout for words in BEGINS):
        os.killpg(beat.pid, signal.SIGKILL)
    code = beat.wait()
    return code if code >= 0 else None


def remembered(task: str, name: str = "") -> object:
    """Read from a copy of beat's schedule file how often it has sent a task."""
    from celery.app.utils import find_app

    path = Path(name or find_app("tasks").conf.beat_schedule_filename)
    with tempfile.TemporaryDirectory() as folder:
        for part in path.parent.glob(f"{path.name}*"):  # one file or several: dbm decides
            shutil.copy(part, folder)
        with shelve.open(str(Path(folder) / path.name), "r") as store:
            entries = store["entries"].values()
            return sum(entry.total_run_count for entry in entries if entry.task == task)


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:]), default=str))
