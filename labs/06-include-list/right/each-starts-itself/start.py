"""Start the worker of one queue: python start.py QUEUE."""

import sys

from src.worker.app import app

(queue,) = sys.argv[1:]
options = ["--loglevel=INFO", "--pool=solo", f"--queues={queue}", f"--hostname={queue}@%h"]
# Nobody listens to what a worker reports about itself
app.worker_main(["worker", *options, "--without-gossip", "--without-heartbeat"])
