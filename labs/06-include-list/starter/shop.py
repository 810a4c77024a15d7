"""What the shop's web server calls; it sends every task by its name."""

from src.worker.app import app

END = ""


def start_import(name):
    """A customer begins to upload a file: have it imported; return the task's id."""
    return app.send_task("src.worker.tasks.import_csv", (name,)).id


def add_rows(name, *rows):
    """More rows of the file have arrived; END is the last."""
    app.backend.client.rpush(f"upload:{name}", *rows)


def confirm(address):
    """Have an e-mail sent; return the task's id."""
    return app.send_task("src.worker.emails.send_email", (address,)).id


def close_day(day):
    """Have the nightly report built; return the task's id."""
    return app.send_task("src.worker.reports.build_report", (day,)).id
