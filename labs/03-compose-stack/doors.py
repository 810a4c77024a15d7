"""Who answers at the ports that a stack publishes."""

import http.client
import json
import socket
import struct
import urllib.request
from contextlib import suppress

from taskyard.errors import TaskyardError
from taskyard.kit.stack import Stack

ANSWER_S = 3.0
SHOP = "the shop"
SSL_REQUEST = struct.pack("!II", 8, 80877103)
"""A Postgres answers it with one letter. Source: PostgreSQL's manual, "Message Formats"."""


def behind(stack: Stack, service: str, port: int) -> str:
    """Return who answers at a published port, whoever forwards it: empty if nobody known does."""
    try:
        host, number = stack.endpoint(service, port)
    except TaskyardError:
        return ""
    if is_shop(f"http://{host}:{number}/health"):
        return SHOP
    if said(host, number, b"PING\r\n").startswith((b"+PONG", b"-NOAUTH", b"-DENIED")):
        return "Redis"
    return "Postgres" if said(host, number, SSL_REQUEST) in (b"S", b"N") else ""


def is_shop(address: str) -> bool:
    """Tell whether the shop's API answers at an address."""
    try:
        with urllib.request.urlopen(address, None, ANSWER_S) as answer:
            return bool(json.loads(answer.read())["status"] == "up")
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return False


def said(host: str, number: int, question: bytes) -> bytes:
    """Return the begin of an answer; nothing if there is none."""
    with suppress(OSError), socket.create_connection((host, number), ANSWER_S) as there:
        there.sendall(question)
        return there.recv(16)
    return b""
