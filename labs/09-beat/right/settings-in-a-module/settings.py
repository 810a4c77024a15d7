"""Celery's settings."""

import os

from celery.schedules import crontab

# Set only for tests: the report is then due every EVERY_S seconds, and not once a night
EVERY_S = float(os.environ.get("REPORT_EVERY_S", 0))

broker_url = os.environ["BROKER_URL"]
result_backend = os.environ["RESULT_URL"]
timezone = "Europe/Berlin"
beat_schedule_filename = "state/nights"
beat_sync_every = 1
beat_schedule = {
    "report": {
        "task": "tasks.build_report",
        "schedule": EVERY_S or crontab(hour=3, minute=0),
        "options": {"expires": EVERY_S or 3600},
    },
}
