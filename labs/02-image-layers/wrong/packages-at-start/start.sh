#!/bin/sh
set -e
pip install --no-cache-dir --target /tmp/packages -r requirements.txt
exec python shop.py
