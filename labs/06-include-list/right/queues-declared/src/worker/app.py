"""The shop's Celery app, which the shop and every worker import. Change this file."""

import os

from celery import Celery
from kombu import Exchange, Queue

WORK = Exchange("work")
POST = Exchange("post")


def route(name, args, kwargs, options, task=None, **_):
    """Return where the message of a task goes; None means the default queue."""
    match name.split("."):
        case [*_, "emails", "send_email"]:
            return {"queue": "post", "routing_key": "customer"}
        case [*_, "reports", _]:
            return "reports"


class Settings:
    """The settings as attributes, which Celery reads from an object."""

    broker_url = os.environ["BROKER_URL"]
    result_backend = os.environ["RESULT_URL"]
    imports = ("src.worker.tasks", "src.worker.emails", "src.worker.reports")
    task_queues = (
        Queue("imports", WORK, routing_key="import"),
        Queue("reports", WORK, routing_key="report"),
        Queue("post", POST, routing_key="customer"),
    )
    task_default_queue = "imports"
    task_default_exchange = WORK.name
    task_default_routing_key = "import"
    task_routes = (route,)
    worker_prefetch_multiplier = 1


app = Celery("shop")
app.config_from_object(Settings)
