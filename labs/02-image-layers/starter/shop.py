"""The shop: GET /labels/590123412345 answers with a price label. You need not change this file."""

import ctypes
import json
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from markupsafe import escape

ean = ctypes.CDLL(Path(__file__).parent / "libean.so")

GREETING = "Welcome to the shop"


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        """GET /labels/DIGITS, twelve of them; anything else is greeted."""
        digits = self.path.removeprefix("/labels/")
        if len(digits) == 12 and digits.isdigit():
            code = digits + str(ean.check_digit(digits.encode()))
            self.answer({"code": code, "label": f"{escape('Bread & butter')} {code}"})
        else:
            self.answer({"greeting": GREETING})

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def close(number, frame):
    """End what is open, and leave: this is what SIGTERM asks for."""
    print("the shop is closed", flush=True)
    sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, close)
    print("the shop is open", flush=True)
    ThreadingHTTPServer(("0.0.0.0", 8000), Shop).serve_forever()
