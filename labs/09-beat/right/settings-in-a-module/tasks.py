"""The nightly report; settings.py says when it is due."""

import time

from celery import Celery

app = Celery("shop")
app.config_from_object("settings")

REPORT_S = 0.1


@app.task
def build_report():
    """Add up the orders of the day; this takes REPORT_S seconds."""
    time.sleep(REPORT_S)
