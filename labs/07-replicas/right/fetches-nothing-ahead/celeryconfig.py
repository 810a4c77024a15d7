"""How the shop's workers are set up. Change this file."""

import os

broker_url = os.environ["BROKER_URL"]
result_backend = os.environ["RESULT_URL"]

include = ["tasks"]
task_default_queue = "prices"
task_routes = {"tasks.shrink_photo": "images"}

# One process in each container, which fetches no message before it is free
worker_concurrency = 1
worker_disable_prefetch = True
