"""The shop's HTTP server: it calls endpoint.py. You need not change this file."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import endpoint


class Shop(BaseHTTPRequestHandler):
    def do_POST(self):
        """POST /imports with a name and a number of rows, or POST /emails with an address."""
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/imports":
            self.answer(202, {"id": endpoint.start_import(content["name"], content["rows"])})
        else:
            endpoint.confirm(content["address"])
            self.answer(202, {})

    def do_GET(self):
        """GET /imports/ID, or GET /health."""
        if self.path == "/health":
            self.answer(200, {"status": "up"})
        else:
            import_id = self.path.removeprefix("/imports/")
            self.answer(200, {"id": import_id, "state": endpoint.import_state(import_id)})

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", 8000), Shop).serve_forever()
