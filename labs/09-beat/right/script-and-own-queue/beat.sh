#!/bin/sh
# Celery removes the pid file of a process that is gone. In a new container,
# the first process is number 1 again
exec celery --app=tasks beat -l INFO -s state/reports --pidfile state/beat.pid
