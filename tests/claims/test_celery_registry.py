"""How a task gets its name, and its message a queue."""

from __future__ import annotations

from celery import Celery

from taskyard.kit.queue import look

MODULE = """
@app.task{arguments}
def build_report(day):
    return day
"""
ROOTS = ("src.worker.reports", "worker.reports")


def names(arguments: str) -> list[str]:
    """Import one module under two names into one app; return the names of its task."""
    found = []
    for module in ROOTS:
        app = Celery("shop", set_as_current=False)
        space = {"__name__": module, "app": app}
        exec(MODULE.format(arguments=arguments), space)
        found.append(space["build_report"].name)  # type: ignore[attr-defined]
    return found


def test_a_written_name_does_not_follow_the_import() -> None:
    """With `name=` a task has one name, whatever its module was imported by."""
    assert [f"{root}.build_report" for root in ROOTS] == names("")
    assert ["reports.build"] * 2 == names('(name="reports.build")')


def test_the_sender_s_route_chooses_the_queue(app: Celery, url: str) -> None:
    """A message goes where the routes of the app that sends it say; there is no worker here."""
    blind = Celery("blind", broker=url, set_as_current=False)
    app.conf.task_routes = {"src.worker.emails.*": {"queue": "emails"}}
    sent = app.send_task("src.worker.emails.send_email").id
    unrouted = blind.send_task("src.worker.emails.send_email").id
    waiting = look(url).waiting
    assert {"emails": [sent], "celery": [unrouted]} == {
        queue: [message.id for message in messages] for queue, messages in waiting.items()
    }
