#!/bin/sh
set -e
pip --python .venv/bin/python install --quiet --no-cache-dir -r requirements.txt
