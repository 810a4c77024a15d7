"""Remove the results when their time has come."""

import os
import time

import redis

store = redis.Redis.from_url(os.environ["RESULT_URL"])

while True:
    time.sleep(float(os.environ["RESULT_EXPIRES_S"]))
    store.flushdb()
