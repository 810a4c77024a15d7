#!/bin/sh
set -e
echo "starting: $*"
# Without exec this shell would stay process 1, and SIGTERM would end here
exec "$@"
