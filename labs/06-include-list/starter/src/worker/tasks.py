"""CSV files."""

import time

from src.worker.app import app

ROW_S = 0.05
UPLOAD_S = 60


@app.task
def import_csv(name):
    """Import a file row by row while it is uploaded; an empty row marks its end."""
    rows = 0
    while arrived := app.backend.client.blpop(f"upload:{name}", timeout=UPLOAD_S):
        if not arrived[1]:
            return rows
        time.sleep(ROW_S)
        rows += 1
    raise TimeoutError(f"no row of {name} for {UPLOAD_S} s")
