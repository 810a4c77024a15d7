#!/bin/sh
# Start a worker that reads one queue: start.sh QUEUE
exec celery -A tasks worker --loglevel=INFO --queues="$1" --hostname="$1@%h"
