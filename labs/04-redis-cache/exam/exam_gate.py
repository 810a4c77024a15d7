"""
What stands between the shops and Redis, and in the model's place; the check can hold either.

What a shop sends at once is one message: a command, or several in a pipeline.
"""

import json
import socket
import threading
from collections import Counter, defaultdict
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue

REDIS = ("redis", 6379)
PORTS = {"shop": 7001, "other": 7002}
GREETINGS = {b"HELLO", b"CLIENT", b"AUTH", b"SELECT"}  # a client's own; they are not counted


class Line:
    """The way of one shop to Redis."""

    def __init__(self):
        self.guard = threading.Lock()
        self.sent = 0
        self.left = None  # so many messages pass before one is held; None if none will be
        self.held = []  # where each held message waits to hear whether it may pass

    def passes(self, message):
        """Wait if this message is to be held; tell whether it passes in the end."""
        if GREETINGS.intersection(message.split(b"\r\n", 3)[2:3]):
            return True
        with self.guard:
            self.sent += 1
            if self.left != 0:
                self.left = self.left and self.left - 1
                return True
            self.left = None
            self.held.append(waiting := SimpleQueue())
        return waiting.get()

    def hold(self, after):
        with self.guard:
            self.left = after

    def release(self, passes=True, after=None):
        """Let the held messages pass, or lose them; then hold another one after some more."""
        with self.guard:
            held, self.held, self.left = self.held, [], after
        for waiting in held:
            waiting.put(passes)


def pump(source, target, line=None):
    """Carry what comes from one end to the other one, until either is closed."""
    with suppress(OSError):
        while message := source.recv(1 << 16):
            if line and not line.passes(message):
                break
            target.sendall(message)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def carry(listener, line):
    while True:
        ends = listener.accept()[0], socket.create_connection(REDIS)
        for end in ends:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for way in ((*ends, line), ends[::-1]):
            threading.Thread(target=pump, args=way, daemon=True).start()


lines = {name: Line() for name in PORTS}
guard = threading.Lock()
calls = Counter()  # prompt: how often a call for it began
plans = {}  # prompt: what its next calls do; the last one stays
finished = defaultdict(threading.Event)  # prompt: its calls are held no longer


class Gate(BaseHTTPRequestHandler):
    def do_POST(self):
        """POST /complete is the model; the rest is for the check."""
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/complete":
            return self.complete(content)
        if self.path == "/plan":
            plans[content["prompt"]] = content["calls"]
        elif self.path == "/finish":
            finished[content["prompt"]].set()
        else:  # /hold or /release
            line = lines[content.pop("line")]
            getattr(line, self.path[1:])(**content)
        self.answer(200, {})

    def complete(self, question):
        """Answer, fail, break off or wait, as planned; the usual answer tells the question."""
        prompt = str(question["prompt"])
        with guard:
            calls[prompt] += 1
            plan = plans.get(prompt, [{}])
            call = plan.pop(0) if plan[1:] else plan[0]
        if call.get("held"):
            finished[prompt].wait()
        usual = question if len(question) > 1 else f"about {prompt}"
        if not call.get("gone"):
            self.answer(call.get("status", 200), {"answer": call.get("answer", usual)})

    def do_GET(self):
        """GET /calls: how often a call began, for each prompt; GET /lines: sent and held."""
        if self.path == "/calls":
            return self.answer(200, dict(calls))
        self.answer(200, {name: [one.sent, len(one.held)] for name, one in lines.items()})

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
    for name, port in PORTS.items():
        listener = socket.create_server(("0.0.0.0", port), backlog=128)
        threading.Thread(target=carry, args=(listener, lines[name]), daemon=True).start()
    Server(("0.0.0.0", 9000), Gate).serve_forever()
