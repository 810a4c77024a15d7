from http.server import ThreadingHTTPServer

from shop import Shop

ThreadingHTTPServer(("0.0.0.0", 8000), Shop).serve_forever()
