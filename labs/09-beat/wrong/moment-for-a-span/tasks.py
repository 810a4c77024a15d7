"""The nightly report, and when it is due. Change this file."""

import os
import time
from datetime import UTC, datetime, timedelta

from celery import Celery
from celery.schedules import crontab

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.timezone = "Europe/Berlin"

# Set only for tests: the report is then due every EVERY_S seconds, and not once a night
EVERY_S = float(os.environ.get("REPORT_EVERY_S", 0))

app.conf.beat_schedule = {
    "report": {
        "task": "tasks.build_report",
        "schedule": EVERY_S or crontab(hour=3, minute=0),
        "options": {"expires": datetime.now(UTC) + timedelta(seconds=EVERY_S or 3600)},
    },
}

REPORT_S = 0.1


@app.task
def build_report():
    """Add up the orders of the day; this takes REPORT_S seconds."""
    time.sleep(REPORT_S)
