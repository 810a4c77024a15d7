"""How the shop's workers are set up. Change this file."""

import os

broker_url = os.environ["BROKER_URL"]
result_backend = os.environ["RESULT_URL"]

include = ["tasks"]
task_routes = {"tasks.shrink_photo": {"queue": "photos"}}

# TODO: how many messages may a worker hold that it cannot begin?
