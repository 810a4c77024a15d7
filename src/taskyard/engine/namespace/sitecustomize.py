"""
What a container's own network gives a process, for the replicas of the local engine.

A container has a host name, ports and a name service of its own; processes on one machine share
theirs. Python imports this file at its start, because the local engine puts its folder on
`PYTHONPATH`, and from then on three questions have the replica's own answer:

* `socket.gethostname()` is the replica's name, so three workers have three Celery node names.
* A fixed port that the replica binds becomes a free one on 127.0.0.1 (or the published one), noted
  in `TASKYARD_NETWORK/SERVICE/INDEX/PORT`.
* `SERVICE:PORT` and the replica's own `localhost:PORT` lead to the port that is noted there. A
  `localhost` port that only another service has leads nowhere, as it does in a container.
"""

from __future__ import annotations

import errno
import os
import random
import socket
from pathlib import Path
from typing import Any

_network = Path(os.environ["TASKYARD_NETWORK"])
_replica = os.environ["TASKYARD_REPLICA"]  # SERVICE/INDEX
_published = dict(
    pair.split("=") for pair in os.environ.get("TASKYARD_PUBLISHED", "").split(",") if pair
)
_services = set(os.environ.get("TASKYARD_SERVICES", "").split(","))
_here = {"", "0.0.0.0", "127.0.0.1", "localhost"}
_free = range(20_000, 32_000)  # as in taskyard.engine.ports, which is not imported here: speed
_nowhere = 1  # tcpmux: refused at once on every machine that a learner has

_bind = socket.socket.bind
_getaddrinfo = socket.getaddrinfo


def _noted(replicas: str, port: object) -> list[int]:
    return [int(note.read_text()) for note in _network.glob(f"{replicas}/{port}")]


def bind(self: socket.socket, address: Any) -> None:
    if self.family != socket.AF_INET or self.type != socket.SOCK_STREAM or not address[1]:
        return _bind(self, address)
    host, port = address
    if host not in _here:
        return _bind(self, address)
    note = _network / _replica / str(port)
    known = note.read_text() if note.exists() else _published.get(str(port))
    if known:
        _bind(self, ("127.0.0.1", int(known)))
    else:
        _bind_free(self)
    note.parent.mkdir(parents=True, exist_ok=True)
    draft = note.with_suffix(f".{os.getpid()}")
    draft.write_text(str(self.getsockname()[1]))
    draft.replace(note)


def _bind_free(self: socket.socket) -> None:
    while True:
        try:
            return _bind(self, ("127.0.0.1", random.choice(_free)))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise


def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
    name = host.decode() if isinstance(host, bytes) else host
    if name in _services:
        known = _noted(f"{name}/*", port)
        return _getaddrinfo("127.0.0.1", random.choice(known or [_nowhere]), *args, **options)
    if name in _here and port:
        own = _noted(_replica, port)
        if own or _noted("*/*", port):
            return _getaddrinfo("127.0.0.1", (own or [_nowhere])[0], *args, **options)
    return _getaddrinfo(host, port, *args, **options)


socket.gethostname = lambda: os.environ["HOSTNAME"]
socket.getaddrinfo = getaddrinfo
socket.socket.bind = bind  # type: ignore[assignment, method-assign]
