"""The nightly report, and when it is due. Change this file."""

import os
import time

from celery import Celery, schedules

# Set only for tests: the report is then due every EVERY_S seconds, and not once a night
EVERY_S = float(os.getenv("REPORT_EVERY_S") or 0)

app = Celery("shop")
app.conf.update(
    broker_url=os.environ["BROKER_URL"],
    timezone="Europe/Berlin",
    task_ignore_result=True,
    task_routes={"tasks.*": {"queue": "reports"}},
)

REPORT_S = 0.1


@app.task
def build_report():
    """Add up the orders of the day; this takes REPORT_S seconds."""
    time.sleep(REPORT_S)


@app.on_after_finalize.connect
def plan(sender, **_):
    """Have the report built each night."""
    nightly = schedules.crontab.from_string("0 3 * * *")
    worth_running = build_report.signature(expires=EVERY_S or 2 * 60 * 60)
    sender.add_periodic_task(EVERY_S or nightly, worth_running, name="report")
