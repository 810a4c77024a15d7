"""The honest health check: it connects, as a client would."""

import socket

socket.create_connection(("localhost", 5432), timeout=1).close()
