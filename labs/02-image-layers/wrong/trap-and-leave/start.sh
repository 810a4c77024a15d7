#!/bin/sh
trap 'exit 0' TERM
python shop.py &
wait
