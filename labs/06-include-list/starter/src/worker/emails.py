"""E-mails."""

import time

from src.worker.app import app

EMAIL_S = 0.05


@app.task
def send_email(address):
    """Send one e-mail."""
    time.sleep(EMAIL_S)
    return f"sent to {address}"
