"""What the check runs beside beat, with the learner's files; its last line is JSON."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

QUESTIONS_MAX = 10_000
MOMENTS_MAX = 2_000
STEP_S = 0.05
DIGITS_MAX = 12
"""A file with more bytes is no pid file."""


def learners_app() -> object:
    """Import the app as beat does; this takes a second, and not every question needs it."""
    from celery.app.utils import find_app

    app = find_app("tasks")
    app.loader.import_default_modules()
    app.finalize()
    return app


def plan(task: str, days: str, *starts: str) -> object:
    """
    Ask the schedule about a task, as beat does, and send the task to nowhere.

    Returns:
        When the task is due within `days` days of each start, what its messages are like, and how
        long it takes.
    """
    from celery.beat import Scheduler

    app = learners_app()
    scheduler = Scheduler(app)
    entries = [entry for entry in scheduler.schedule.values() if entry.task == task]
    messages = [sent(app, scheduler, entry) for entry in entries]
    begun = time.monotonic()
    app.tasks[task]()
    return {
        "lasts_s": time.monotonic() - begun,
        "due": [
            sorted(one for entry in entries for one in due(app, entry, start, float(days)))
            for start in starts
        ],
        "entries": [entry.name for entry in entries],
        "options": sorted({name for entry in entries for name in entry.options}),
        "queues": sorted({queue for queues, _ in messages for queue in queues}),
        "expires": [expires for _, expires in messages],
    }


def due(app: object, entry: object, start: str, days: float) -> list[int]:
    """Sleep as long as the schedule says, ask, and note when it is due, all in a moment."""
    last = now = datetime.fromisoformat(start).astimezone(app.timezone)
    end = now + timedelta(days=days)
    entry.schedule.nowfun = lambda: now
    found: list[int] = []
    for _ in range(QUESTIONS_MAX):
        is_due, rest_s = entry.schedule.is_due(last)
        if is_due:
            last = now
            found.append(round(now.timestamp()))
        now = datetime.fromtimestamp(now.timestamp() + max(rest_s, 0.001), app.timezone)
        if now >= end or len(found) >= MOMENTS_MAX:
            break
    return found


def sent(app: object, scheduler: object, entry: object) -> tuple[list[str], object]:
    """
    Send a tick to nowhere.

    Returns:
        The queues that it went to, and in how many seconds it expires; a date if that is fixed.
    """
    from celery.signals import after_task_publish
    from kombu import Connection

    noted: list[tuple[float, str | None]] = []

    def note(headers: dict[str, str], **_: object) -> None:
        noted.append((time.time(), headers.get("expires")))

    after_task_publish.connect(note)
    with Connection("memory://") as nowhere:
        for _ in "twice":
            producer = app.amqp.Producer(nowhere, auto_declare=False)
            scheduler.apply_async(entry, producer=producer, advance=False)
        queues = [name for name, held in nowhere.default_channel.queues.items() if held.qsize()]
    (moment, date), (_, again), *_ = noted
    expires: object = date
    if date is not None and date != again:
        expires = round(datetime.fromisoformat(date).timestamp() - moment, 1)
    return queues, expires


def second(task: str, quiet_s: str, *command: str) -> object:
    """
    Run beat once more, until it ends, or has neither ended nor sent for `quiet_s` seconds.

    If the image completes the command, read it from the container's first process.
    """
    if not (command and shutil.which(command[0])):
        command = tuple(Path("/proc/1/cmdline").read_text().split("\0")[:-1])
    app = learners_app()
    files = pid_files()
    with app.connection_for_read() as connection:
        store = connection.default_channel.client
        before, begun = senders(store, task), time.monotonic()
        beat = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        has_sent_at = None
        while (code := beat.poll()) is None and time.monotonic() < begun + float(quiet_s):
            if has_sent_at is None and senders(store, task) - before:
                has_sent_at = time.monotonic()
            # Whether it ends now tells a guard that comes too late from none
            if has_sent_at and time.monotonic() > has_sent_at + float(quiet_s) / 10:
                break
            time.sleep(STEP_S)
        waited_s = time.monotonic() - begun
        has_sent = bool(senders(store, task) - before)
    now = pid_files()
    if code is None:
        os.killpg(beat.pid, signal.SIGKILL)
        beat.wait()
    return {
        "code": code,
        "sent": has_sent,
        "waited_s": waited_s,
        "own_files": sorted(now.keys() - files.keys()),
        "replaced_files": sorted(name for name in files if now.get(name) != files[name]),
    }


def senders(store: object, task: str) -> set[str]:
    """Return who sent the ticks that wait, in any queue."""
    found = set()
    for key in store.scan_iter(_type="list"):
        for text in store.lrange(key, 0, -1):
            with suppress(ValueError, KeyError, TypeError):  # it is another program's
                headers = json.loads(text)["headers"]
                if headers.get("task") == task:
                    found.add(headers["origin"])
    return found


def pid_files() -> dict[str, str]:
    """Return the files here, and in volumes below, that hold a number alone; and that number."""
    found = {}
    for parent, _, names in os.walk(".", followlinks=True):
        for path in (Path(parent, name) for name in names):
            with suppress(OSError):  # it may be gone
                text = path.read_bytes()[: DIGITS_MAX + 1].strip()
                if text.isdigit() and len(text) < DIGITS_MAX:
                    found[str(path)] = text.decode()
    return found


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:]), default=str))
