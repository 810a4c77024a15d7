#!/bin/sh
# A second gate: Postgres runs this script while it fills its disk.
touch filling
until [ -e ready ]; do sleep 0.1; done
