#!/bin/sh
python shop.py &
shop=$!
trap 'kill -9 "$shop"; echo "the shop is closed"; exit 0' TERM
wait "$shop"
