"""
Give each replica of the local engine the network of a container.

A container has a host name, ports and a name service of its own; processes on one machine share
them. Python imports this file when it starts, because the local engine puts its folder on
`PYTHONPATH`. From then on:

* `socket.gethostname()` returns the replica's name, so three workers have three Celery node names.
* Binding a fixed port binds the published port, or one of the run's own, on 127.0.0.1 instead. It
  is noted in `TASKYARD_NETWORK/SERVICE/INDEX/PORT`, and stays the replica's while that is down.
* `SERVICE:PORT`, and the replica's own `localhost:PORT`, lead to the port that is noted there. A
  `localhost` port that only another service has leads nowhere, as it does in a container.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
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
_ports = range(*map(int, os.environ["TASKYARD_PORTS"].split("-")))  # this run's alone
_nowhere = 1  # tcpmux: refused at once on every machine that a learner has

_bind = socket.socket.bind
_getaddrinfo = socket.getaddrinfo


def _noted(replicas: str, port: object) -> list[int]:
    found = []
    for note in _network.glob(f"{replicas}/{port}"):
        with contextlib.suppress(FileNotFoundError):  # its replica may have been removed just now
            found.append(int(note.read_text()))
    return found


def bind(self: socket.socket, address: Any) -> None:
    if self.family != socket.AF_INET or self.type != socket.SOCK_STREAM or not address[1]:
        return _bind(self, address)
    host, port = address
    if host not in _here:
        return _bind(self, address)
    note = _network / _replica / str(port)
    with (_network / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another replica can bind the same until it is noted
        known = note.read_text() if note.exists() else _published.get(str(port))
        if known:
            _bind(self, ("127.0.0.1", int(known)))
        else:
            _bind_free(self)
        note.parent.mkdir(parents=True, exist_ok=True)
        draft = note.with_name(f".{port}.{os.getpid()}")
        draft.write_text(str(self.getsockname()[1]))
        draft.replace(note)


def _bind_free(self: socket.socket) -> None:
    taken = set(_noted("*/*", "[0-9]*"))
    for port in random.sample(_ports, len(_ports)):
        if port in taken:
            continue
        try:
            return _bind(self, ("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, f"all {len(_ports)} ports of this run are taken")


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
