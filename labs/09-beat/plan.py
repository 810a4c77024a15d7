"""What the learner's schedule plans, in nights of one length or in real ones, and what is wrong."""

import json
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from taskyard.deadline import patient
from taskyard.kit.requirement import Unmet, require
from taskyard.kit.stack import Stack

PROBE = Path(__file__).with_name("probe.py").read_text(encoding="utf-8")
TASK = "tasks.build_report"
VARIABLE = "REPORT_EVERY_S"
NIGHTS = 10
REPORT_S = 0.1
HOUR_S = 3600
DAY_S = 24 * HOUR_S
DAYS = 365
ZONE = ZoneInfo("Europe/Berlin")
STARTS = (datetime(2026, 1, 1, 12, tzinfo=ZONE), datetime(2028, 1, 1, 17, tzinfo=ZONE))
"""Two years whose clocks change on other days, from other hours on."""

FIXED = "tasks.py, beat_schedule: a number counts from the moment of sending. A date is fixed when "
FIXED += "tasks.py is read"


class Plan:
    """
    What the schedule says beside beat, in its environment.

    Args:
        night_s: The length of a night, as `REPORT_EVERY_S`; None means real ones.
    """

    def __init__(self, stack: Stack, night_s: float | None = None) -> None:
        self.night_s = night_s
        real = night_s is None
        self.condition = f"without {VARIABLE}" if real else f"with {VARIABLE}={night_s}"
        days = DAYS if night_s is None else NIGHTS * night_s / DAY_S
        words = ["plan", TASK, str(days), *(start.isoformat() for start in STARTS)]
        said = probe(
            stack, *words, variable=["-u", VARIABLE] if real else [f"{VARIABLE}={night_s}"]
        )
        self.due: list[list[float]] = said["due"]
        self.entries: list[str] = said["entries"]
        self.options: list[str] = said["options"]
        self.queues: set[str] = set(said["queues"])
        self.expires: list[object] = said["expires"]
        self.lasts_s: float = said["lasts_s"]

    def require_one_entry(self) -> None:
        """Require that one entry sends the report, once a night."""
        require(
            len(self.entries) == 1,
            did="looked for the entries of your schedule that send the report",
            saw=listed(self.entries) or "none",
            expected="one entry",
            look_at=f"tasks.py, beat_schedule: each entry with `{TASK}` sends all of its ticks. "
            "Beat knows no other plan than its entries",
        )
        gaps = {b - a for a, b in pairwise(self.due[0])}
        require(
            gaps and all(abs(gap - (self.night_s or 0)) <= 1 for gap in gaps),
            did=f"asked your schedule, {self.condition}, when the report is due",
            saw=f"every {' or '.join(f'{gap:g}' for gap in sorted(gaps)[:3])} s",
            expected=f"every {self.night_s} s",
            look_at=f"tasks.py, beat_schedule: what does it make of {VARIABLE}?",
        )

    def require_expiry(self) -> None:
        """Require that a tick expires when it is not worth running any more."""
        least_s, most_s = HOUR_S, DAY_S - 1.0
        expected = f"after at least an hour ({HOUR_S} s), and less than a day"
        if self.night_s is not None:
            least_s, most_s = self.night_s, self.night_s
            expected = f"after one night, {self.night_s} s"
        for expires in self.expires:
            is_number = isinstance(expires, int | float)
            require(
                is_number and 0.99 * least_s <= float(str(expires)) <= 1.01 * most_s,
                did=f"had your schedule send a tick {self.condition}",
                saw="it never expires"
                if expires is None
                else f"it expires after {expires} s"
                if is_number
                else f"it expires at {expires}, and so does the next one",
                expected=f"it expires {expected}",
                look_at=FIXED
                if isinstance(expires, str)
                else f"tasks.py, beat_schedule: how long is a tick worth running {self.condition}?",
            )

    def require_readers(self, sent_to: Collection[str], taken: Collection[str]) -> None:
        """Require that workers take messages from each queue that ticks go to."""
        unread = sorted({*sent_to, *self.queues} - set(taken))
        require(
            not unread,
            did=f"looked where ticks go to {self.condition}, and asked your workers",
            saw=f"they go to {listed(unread)}, and the workers read {listed(sorted(taken))}",
            expected="a worker reads the queue of the ticks",
            look_at="tasks.py, and compose.yaml, worker: which queue does each of them name?",
        )

    def require_work(self) -> None:
        """Require that the report is built."""
        require(
            self.lasts_s > 0.9 * REPORT_S,
            did="built a report",
            saw=f"`build_report` returned after {self.lasts_s:.3f} s",
            expected=f"it takes {REPORT_S} s, as in the file that you got",
            look_at="tasks.py, build_report: what did it do when you got it?",
        )

    def require_berlin(self) -> None:
        """Require that the report is due at three in Berlin, on each day."""
        due = [[datetime.fromtimestamp(one, ZONE) for one in year] for year in self.due]
        wanted = [
            (start + timedelta(days=day)).replace(hour=3)
            for start in STARTS
            for day in range(1, DAYS + 1)
        ]
        found = sorted(one for year in due for one in year)
        if found == wanted:
            return
        saw, look_at = what_is_wrong(due, found, wanted)
        raise Unmet(
            did=f"asked your schedule, {self.condition}, about each day of {STARTS[0].year} and "
            f"{STARTS[1].year}",
            saw=saw,
            expected="at 03:00 in Berlin, once a day",
            look_at=f"tasks.py: {look_at}",
        )


def what_is_wrong(
    due: list[list[datetime]], found: list[datetime], wanted: list[datetime]
) -> tuple[str, str]:
    """Return what the moments have in common, and where to look."""
    strays = [one for one in found if one not in set(wanted)]
    missing = [one for one in wanted if one not in set(found)]
    a_night = max(Counter(one.date() for one in found).values(), default=0)
    if a_night > 1:
        first = found[0]
        saw = f"due {a_night} times in one night, the first time at {first:%H:%M}"
        return saw, "which minutes does `crontab` mean when you give it none?"
    hours = [f"{year[0]:%H:%M}" for year in due if year]
    if hours == [f"{start:%H:%M}" for start in STARTS]:
        saw = " and ".join(f"due at {one} if beat starts at {one}" for one in hours)
        return saw, "an interval counts from the moment at which beat started, and knows no hour"
    if not strays:
        days = ", ".join(f"{one:%A}, {one:%-d %B}" for one in missing[:3])
        saw = f"never on {days} of {missing[0].year}; {len(missing)} nights are left out"
        return saw, "on which days is your `crontab` due?"
    times = " and at ".join(sorted({f"{one:%H:%M}" for one in found}))
    if "03:00" not in times:
        return (
            f"in Berlin it is due at {times}",
            "beat counts in UTC until `app.conf.timezone` says otherwise. It asks TZ only if "
            "`enable_utc` is False",
        )
    return (
        f"in Berlin it is due at {times}; at {strays[0]:%H:%M} on {strays[0]:%-d %B %Y}",
        "does your hour stay where it is when the clocks change, in each year?",
    )


def probe(stack: Stack, *words: str, variable: Collection[str] = (), lasts_s: float = 30.0) -> Any:
    """Run a function of probe.py beside beat and return what it found."""
    command = ["env", *variable, "python", "-c", PROBE, *words]
    done = stack.exec("beat", command, timeout_s=patient(lasts_s) + lasts_s)
    require(
        done.exit_code == 0,
        did="looked at your schedule beside beat, in its environment",
        saw=(done.stderr.strip().splitlines() or ["nothing"])[-1],
        expected="the app of tasks.py, and its schedule",
        look_at="tasks.py",
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def listed(names: Collection[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)
