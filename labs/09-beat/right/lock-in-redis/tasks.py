"""The nightly report, and when it is due. Change this file."""

import os
import sys
import time
from datetime import timedelta
from zoneinfo import ZoneInfo

from celery import Celery
from celery.beat import PersistentScheduler
from celery.schedules import crontab
from redis import Redis
from redis.exceptions import LockError

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])

# Set only for tests: the report is then due every EVERY_S seconds, and not once a night
EVERY_S = float(os.environ.get("REPORT_EVERY_S", 0))

REPORT_S = 0.1
LOCK_S = 6
NOT_ALONE = 73


class OnlyOne(PersistentScheduler):
    """A scheduler that holds a lock in Redis, and ends if it waits for the lock in vain."""

    def setup_schedule(self):
        """Take the lock, and only then the schedule file."""
        locks = Redis.from_url(os.environ["BROKER_URL"])
        self.lock = locks.lock("only-one-beat", timeout=LOCK_S, blocking_timeout=LOCK_S + 2)
        if not self.lock.acquire():
            sys.exit(NOT_ALONE)
        super().setup_schedule()

    def tick(self, *args, **kwargs):
        """Renew the lock, or end if it is lost; then send what is due."""
        try:
            self.lock.reacquire()
        except LockError:
            sys.exit(NOT_ALONE)
        return super().tick(*args, **kwargs)

    def close(self):
        """Close the schedule file, and then release the lock."""
        super().close()
        if self.lock.owned():
            self.lock.release()


app.conf.update(
    timezone=ZoneInfo("Europe/Berlin"),
    beat_scheduler=OnlyOne,
    beat_max_loop_interval=LOCK_S / 6,
    beat_schedule_filename="nights/schedule",
    beat_schedule={
        "each night": {
            "task": "tasks.build_report",
            "schedule": timedelta(seconds=EVERY_S) if EVERY_S else crontab("0", "3"),
        },
    },
)


@app.task(expires=EVERY_S or timedelta(hours=6).total_seconds())
def build_report():
    """Add up the orders of the day; this takes REPORT_S seconds."""
    time.sleep(REPORT_S)
