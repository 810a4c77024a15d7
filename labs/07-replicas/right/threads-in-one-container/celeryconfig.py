"""How the shop's workers are set up. Change this file."""

from os import environ

broker_url = environ["BROKER_URL"]
result_backend = environ["RESULT_URL"]

imports = ("tasks",)
task_routes = ([("tasks.shrink_*", {"queue": "photos"})],)

# Each task is acknowledged when it has ended; --prefetch-multiplier is on the command line
task_annotations = {"*": {"acks_late": True}}
