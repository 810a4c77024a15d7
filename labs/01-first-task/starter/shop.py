"""The shop's HTTP server: it calls endpoint.py. You need not change this file."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import endpoint


class Shop(BaseHTTPRequestHandler):
    def do_POST(self):
        """POST /orders with a list of addresses."""
        addresses = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(202, {"ids": endpoint.place_order(addresses)})

    def do_GET(self):
        """GET /emails/ID, or GET /health."""
        if self.path == "/health":
            self.answer(200, {"status": "up"})
        else:
            email_id = self.path.removeprefix("/emails/")
            self.answer(200, {"id": email_id, "state": endpoint.email_state(email_id)})

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", 8000), Shop).serve_forever()
