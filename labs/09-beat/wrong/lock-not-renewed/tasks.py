"""The nightly report, and when it is due. Change this file."""

import os
import sys
import time

from celery import Celery
from celery.beat import PersistentScheduler
from celery.schedules import crontab
from redis import Redis

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.timezone = "Europe/Berlin"

# Set only for tests: the report is then due every EVERY_S seconds, and not once a night
EVERY_S = float(os.environ.get("REPORT_EVERY_S", 0))

app.conf.beat_schedule = {
    "report": {
        "task": "tasks.build_report",
        "schedule": EVERY_S or crontab(hour=3, minute=0),
        "options": {"expires": EVERY_S or 3600},
    },
}

REPORT_S = 0.1
LOCK_S = 45


@app.task
def build_report():
    """Add up the orders of the day; this takes REPORT_S seconds."""
    time.sleep(REPORT_S)


class OnlyOne(PersistentScheduler):
    """A scheduler that starts with a lock in Redis, or not at all."""

    def setup_schedule(self):
        """Take the lock; that of a beat that was killed is gone after LOCK_S seconds."""
        locks = Redis.from_url(os.environ["BROKER_URL"])
        self.lock = locks.lock("beat", timeout=LOCK_S, blocking_timeout=LOCK_S / 3)
        if not self.lock.acquire():
            sys.exit(1)
        super().setup_schedule()

    def close(self):
        """Close the schedule file, and release the lock."""
        super().close()
        if self.lock.owned():
            self.lock.release()


app.conf.beat_scheduler = OnlyOne
