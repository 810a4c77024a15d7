"""What the check runs beside beat, with the learner's files; its last line is JSON."""

import dbm
import json
import os
import shelve
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

MOMENTS_MAX = 1000
STEP_S = 0.05
TRIES = 5
SUFFIXES = (".dir", ".dat", ".bak", ".db")
"""What dbm adds to a name, if it adds anything."""


def learners_app() -> object:
    """Import the app as beat does; this takes a second, and not every question needs it."""
    from celery.app.utils import find_app

    app = find_app("tasks")
    app.loader.import_default_modules()
    app.finalize()
    return app


def due(task: str, days: str, *starts: str) -> object:
    """Ask the schedule, as beat does, when a task is due within `days` days of each start."""
    from celery.beat import Scheduler

    app = learners_app()
    scheduler = Scheduler(app)
    entries = [entry for entry in scheduler.schedule.values() if entry.task == task]
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
    return {"due": found, "expires": [expiry(app, scheduler, entry) for entry in entries]}


def expiry(app: object, scheduler: object, entry: object) -> object:
    """Send a tick to nowhere; return in how many seconds it expires, or the date if it is fixed."""
    from celery.signals import after_task_publish
    from kombu import Connection

    sent: list[tuple[float, str | None]] = []

    def note(headers: dict[str, str], **_: object) -> None:
        sent.append((time.time(), headers.get("expires")))

    after_task_publish.connect(note)
    with Connection("memory://") as nowhere:
        for _ in "twice":
            producer = app.amqp.Producer(nowhere, auto_declare=False)
            scheduler.apply_async(entry, producer=producer, advance=False)
    (moment, date), (_, again), *_ = sent
    if date is None or date == again:
        return date
    return round(datetime.fromisoformat(date).timestamp() - moment, 1)


def second(task: str, quiet_s: str, *command: str) -> object:
    """
    Run beat once more, until it ends, sends, or has done neither for `quiet_s` seconds.

    If the image completes the command, read it from the container's first process.
    """
    if not (command and shutil.which(command[0])):
        command = tuple(Path("/proc/1/cmdline").read_text().split("\0")[:-1])
    app = learners_app()
    with app.connection_for_read() as connection:
        store = connection.default_channel.client

        def senders() -> set[str]:
            texts = [t for key in store.scan_iter(_type="list") for t in store.lrange(key, 0, -1)]
            headers = [json.loads(text)["headers"] for text in texts]
            return {one["origin"] for one in headers if one.get("task") == task}

        before, begun = senders(), time.monotonic()
        beat = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while (code := beat.poll()) is None and time.monotonic() < begun + float(quiet_s):
            if senders() - before:
                break
            time.sleep(STEP_S)
        waited_s = time.monotonic() - begun
        sent = bool(senders() - before)
    if code is None:
        os.killpg(beat.pid, signal.SIGKILL)
        beat.wait()
    return {"code": code, "sent": sent, "waited_s": waited_s}


def remembered(task: str, *folders: str) -> object:
    """Read from copies of beat's schedule files how often it has sent a task; 0 without any."""
    found = {
        Path(parent, name)
        for folder in {Path(one).resolve() for one in folders}
        for parent, _, names in os.walk(folder, followlinks=True)
        for name in names
    }
    stems = found | {path.with_suffix("") for path in found if path.suffix in SUFFIXES}
    return max([0, *(count(stem, task) for stem in stems if dbm.whichdb(str(stem)))])


def count(path: Path, task: str) -> int:
    """Read from a copy of one file how often beat says that it has sent a task."""
    for _ in range(TRIES):  # beat may be writing it
        with tempfile.TemporaryDirectory() as folder:
            for part in path.parent.glob(f"{path.name}*"):  # one file or several: dbm decides
                shutil.copy(part, folder)
            with (
                suppress(KeyError, *dbm.error),  # or it is another program's
                shelve.open(str(Path(folder) / path.name), "r") as store,
            ):
                entries = store["entries"].values()
                return sum(entry.total_run_count for entry in entries if entry.task == task)
        time.sleep(STEP_S)
    return 0


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:]), default=str))
