"""How the shop's workers are set up. Change this file."""

import os

broker_url = os.environ["BROKER_URL"]
result_backend = os.environ["RESULT_URL"]

include = ["tasks"]

# One message for each slot, and it counts as held until its task has ended
worker_prefetch_multiplier = 1
task_acks_late = True
