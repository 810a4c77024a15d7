"""The nightly report, and when it is due. Change this file."""

import os
import time
from zoneinfo import ZoneInfo

from celery import Celery
from celery.schedules import crontab

app = Celery("shop", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])

# Set only for tests: the report is then due every EVERY_S seconds, and not once a night
EVERY_S = float(os.environ.get("REPORT_EVERY_S", 0))


class Berlin(crontab):
    """A crontab by Berlin's clock; everything else in the shop counts in UTC."""

    tz = ZoneInfo("Europe/Berlin")


app.conf.beat_schedule = {
    "report": {
        "task": "tasks.build_report",
        "schedule": EVERY_S or Berlin(hour=3, minute=0),
        "options": {"expires": EVERY_S or 3600},
    },
}

REPORT_S = 0.1


@app.task
def build_report():
    """Add up the orders of the day; this takes REPORT_S seconds."""
    time.sleep(REPORT_S)
