"""A stand-in for a language model: slow, and it counts its calls. You need not change this file."""

import json
import os
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

guard = threading.Lock()
calls = Counter()  # prompt: how often a call for it began
plans = {}  # prompt: what its next calls do; the last one stays
usual = {"seconds": float(os.environ["MODEL_S"]), "status": 200}


class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        """POST /complete with a prompt; /plan and /usual are for experiments."""
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/plan":
            plans[content["prompt"]] = content["calls"]
            self.answer(200, {})
        elif self.path == "/usual":
            usual.update(content)
            self.answer(200, {})
        else:
            self.complete(content["prompt"])

    def complete(self, prompt):
        """Take the time, and answer or fail as planned."""
        with guard:
            calls[prompt] += 1
            plan = plans.get(prompt, [{}])
            call = {"answer": f"about {prompt}", **usual, **(plan.pop(0) if plan[1:] else plan[0])}
        time.sleep(call["seconds"])
        self.answer(call["status"], {"answer": call["answer"]})

    def do_GET(self):
        """GET /calls: how often a call began, for each prompt."""
        self.answer(200, calls)

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
    Server(("0.0.0.0", 9000), Model).serve_forever()
