"""The nightly report."""

import time

from src.worker.app import app

REPORT_S = 0.05


@app.task
def build_report(day):
    """Build the report of one day."""
    time.sleep(REPORT_S)
    return f"report of {day}"


@app.task(name="src.worker.reports.build_report")  # the name that the shop sends
def build_report_for_shop(day):
    """Build the report of one day."""
    return build_report(day)
