import os
import signal
from http.server import ThreadingHTTPServer

from shop import Shop

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
ThreadingHTTPServer(("0.0.0.0", 8000), Shop).serve_forever()
