#!/bin/sh
python shop.py &
shop=$!
# A signal ends the first wait; the second one is for the shop's own end.
trap 'kill -TERM "$shop"' TERM
wait "$shop"
wait "$shop"
