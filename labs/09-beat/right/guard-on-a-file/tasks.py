"""The nightly report, and when it is due. Change this file."""

import fcntl
import os
import time

from celery import Celery
from celery.beat import PersistentScheduler
from celery.schedules import crontab

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])

# Set only for tests: the report is then due every EVERY_S seconds, and not once a night
EVERY_S = float(os.environ.get("REPORT_EVERY_S", 0))

REPORT_S = 0.1


class OnlyOne(PersistentScheduler):
    """A scheduler that holds a lock on a file; the system frees it when the process ends."""

    def setup_schedule(self):
        """Take the lock, or fail; only then open the schedule file."""
        self.lock = os.open("state/lock", os.O_CREAT | os.O_WRONLY)
        fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        super().setup_schedule()


app.conf.update(
    timezone="Europe/Berlin",
    beat_scheduler=OnlyOne,
    beat_schedule_filename="state/schedule",
    beat_schedule={
        "report": {
            "task": "tasks.build_report",
            "schedule": EVERY_S or crontab(hour=3, minute=0),
            "options": {"expires": EVERY_S or 3600},
        },
    },
)


@app.task
def build_report():
    """Add up the orders of the day; this takes REPORT_S seconds."""
    time.sleep(REPORT_S)
