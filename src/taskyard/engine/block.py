"""
A block of this machine's ports that one run of the local engine has to itself.

A server that is started, or started again, finds its port free: no other run can have taken it in
the meantime. Whoever has a socket bound to the first port of a block has the block. The system
sees to it that this is one process, and gives the block back when the process ends, however it
ends.
"""

from __future__ import annotations

import errno
import random
import socket

from taskyard.errors import TaskyardError

SIZE = 100
BLOCKS = range(20_000, 32_000, SIZE)
"""Below the ports that Linux and macOS give to outgoing connections: a client that waits for a
server to come back can not take the server's port, nor connect to itself."""


def reserve() -> tuple[socket.socket, range]:
    """
    Take a block that nobody has: the socket that holds it, and its other ports.

    Raises:
        TaskyardError: Every block is taken.
    """
    for first in random.sample(BLOCKS, len(BLOCKS)):
        guard = socket.socket()
        try:
            guard.bind(("127.0.0.1", first))
        except OSError as error:
            guard.close()
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return guard, range(first + 1, first + SIZE)
    raise TaskyardError(
        f"every hundredth port between {BLOCKS.start} and {BLOCKS.stop} on 127.0.0.1 is taken",
        hint="each is one run of the local engine: make down-N ends a kept one",
    )
