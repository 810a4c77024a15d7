"""The shop's API: orders in Postgres, visits in Redis. You need not change this file."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import redis

DATABASE = os.environ["DATABASE_URL"]
TABLE = "CREATE TABLE IF NOT EXISTS orders (id serial PRIMARY KEY, item text NOT NULL)"

visits = redis.Redis.from_url(os.environ["REDIS_URL"])


class Shop(BaseHTTPRequestHandler):
    def do_POST(self):
        """POST /orders with an item."""
        item = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["item"]
        with psycopg.connect(DATABASE) as db:
            row = db.execute("INSERT INTO orders (item) VALUES (%s) RETURNING id", [item])
            number = row.fetchone()[0]
        self.answer(201, {"id": number})  # the end of `with` is the commit

    def do_GET(self):
        """GET /orders, or GET /health."""
        if self.path == "/health":
            self.answer(200, {"status": "up"})
            return
        with psycopg.connect(DATABASE) as db:
            items = [item for (item,) in db.execute("SELECT item FROM orders ORDER BY id")]
        self.answer(200, {"orders": items, "visits": visits.incr("visits")})

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    # Process number 1 of a container has no default for SIGTERM: without this it would be ignored
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    try:
        with psycopg.connect(DATABASE) as db:
            db.execute("SELECT pg_advisory_xact_lock(1)")  # two of the shop may start at once
            db.execute(TABLE)
    except psycopg.OperationalError as error:
        sys.exit(f"no database: {error}")
    print("connected to the database")
    ThreadingHTTPServer(("0.0.0.0", 8000), Shop).serve_forever()
