"""Stands for a database that takes its time: it begins to listen after READY_AFTER_S seconds."""

import os
import socket
import time

time.sleep(float(os.environ["READY_AFTER_S"]))
with socket.create_server(("0.0.0.0", 5432)) as server:
    print("ready to accept connections")
    while True:
        connection, _ = server.accept()
        connection.sendall(b"ready\n")
        connection.close()
