"""The nightly report, and when it is due. Change this file."""

import os
import time
from datetime import datetime

from celery import Celery
from celery.beat import Scheduler
from celery.schedules import crontab
from redis import Redis

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])

# Set only for tests: the report is then due every EVERY_S seconds, and not once a night
EVERY_S = float(os.environ.get("REPORT_EVERY_S", 0))

REPORT_S = 0.1


class RedisScheduler(Scheduler):
    """A scheduler that keeps in Redis when each entry was sent last."""

    def setup_schedule(self):
        """Take what Redis remembers; a new entry was sent now."""
        super().setup_schedule()
        self.memory = Redis.from_url(os.environ["RESULT_URL"], decode_responses=True)
        for name, entry in self.schedule.items():
            self.memory.hsetnx("beat", name, entry.last_run_at.isoformat())
            entry.last_run_at = datetime.fromisoformat(self.memory.hget("beat", name))

    def reserve(self, entry):
        """Remember that the entry is about to be sent."""
        reserved = super().reserve(entry)
        self.memory.hset("beat", entry.name, reserved.last_run_at.isoformat())
        return reserved


app.conf.update(
    timezone="Europe/Berlin",
    beat_scheduler=RedisScheduler,
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
