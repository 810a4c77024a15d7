#!/bin/sh
exec celery --app=tasks worker --loglevel=INFO --concurrency=2 \
    --soft-time-limit="$SOFT_S" --time-limit="$HARD_S"
