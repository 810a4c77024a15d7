"""What the contract's services run: prints who it is, then waits; every trait is an option."""

import http.server
import os
import signal
import socket
import sys
import threading
import time

traits = set(sys.argv[1:])


def leave(*_: object) -> None:
    print("bye", flush=True)
    os._exit(0)


if "stubborn" in traits:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, leave)

print(f"hello from {socket.gethostname()} at {time.time()}", flush=True)

if "dies" in traits:
    print("cannot go on", file=sys.stderr, flush=True)
    sys.exit(3)
if "once" in traits:
    sys.exit(0)
if "serves" in traits:

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(socket.gethostname().encode())

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

while True:
    signal.pause()
