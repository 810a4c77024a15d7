"""Start the worker of one queue: python start.py QUEUE."""

import sys

from src.worker.app import app

(queue,) = sys.argv[1:]
app.worker_main(["worker", "--loglevel=INFO", "--pool=solo", "-Q", queue, "-n", f"{queue}@%h"])
