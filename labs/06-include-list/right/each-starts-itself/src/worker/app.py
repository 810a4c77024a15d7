"""The shop's Celery app, which the shop and every worker import. Change this file."""

import os

from celery import Celery

app = Celery("shop")
app.conf.broker_url = os.environ["BROKER_URL"]
app.conf.result_backend = os.environ["RESULT_URL"]
app.conf.task_default_queue = "imports"
app.conf.task_routes = ([("*.send_email", {"queue": os.environ["MAIL_QUEUE"]})],)

for module in ("tasks", "emails", "reports"):
    app.autodiscover_tasks(["src.worker"], related_name=module)
