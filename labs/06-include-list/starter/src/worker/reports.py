"""The nightly report."""

import time

from src.worker.app import app

REPORT_S = 0.05


@app.task
def build_report(day):
    """Build the report of one day."""
    time.sleep(REPORT_S)
    return f"report of {day}"
