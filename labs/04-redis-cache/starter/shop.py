"""The shop's HTTP server, one thread for each request. You need not change this file."""

import json
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import assistant
import catalog
import reviews
from language import ModelError

FUNCTIONS = {
    "/answer": assistant.answer,
    "/describe": catalog.describe,
    "/offers": catalog.offers,
    "/reviews": reviews.describe,
}


def plain(value):
    """Turn what JSON carries for a date or a set into one."""
    if "date" in value:
        return date.fromisoformat(value["date"])
    return set(value["set"]) if "set" in value else value


class Shop(BaseHTTPRequestHandler):
    def do_POST(self):
        """POST /answer and the like with the arguments: {"args": [...], "kwargs": {...}}."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(content, object_hook=plain)
        try:
            answer = FUNCTIONS[self.path](*asked.get("args", ()), **asked.get("kwargs", {}))
            self.answer(200, {"answer": answer})
        except ModelError as error:
            self.answer(502, {"error": str(error)})

    def do_DELETE(self):
        """DELETE /answer and the like: forget all answers of that function."""
        FUNCTIONS[self.path].forget()
        self.answer(200, {})

    def do_GET(self):
        """GET /health."""
        self.answer(200, {"status": "up"})

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Write no line for each request."""


class Server(ThreadingHTTPServer):
    request_queue_size = 128


if __name__ == "__main__":
    Server(("0.0.0.0", 8000), Shop).serve_forever()
