"""The shop's Celery app, which the shop and every worker import. Change this file."""

import os

from celery import Celery

app = Celery(
    "shop",
    broker=os.environ["BROKER_URL"],
    backend=os.environ["RESULT_URL"],
    include=["src.worker.tasks", "src.worker.emails", "src.worker.reports"],
)
app.conf.task_routes = {
    "src.worker.emails.*": {"queue": "emails"},
    "src.worker.reports.*": {"queue": "emails"},
}
