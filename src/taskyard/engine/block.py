"""
A block of this machine's ports, reserved for one run of the local engine.

A server that starts or restarts finds its port free, because no other run can have taken it in the
meantime. Binding a socket to the first port of a block reserves the whole block: the operating
system lets only one process do that, and releases the port when the process ends, however it ends.
"""

from __future__ import annotations

import errno
import random
import socket

from taskyard.errors import TaskyardError

SIZE = 100
BLOCKS = range(20_000, 32_000, SIZE)
"""Below the range from which Linux and macOS assign ports to outgoing connections, so that a client
that waits for a server to return cannot take the server's port, or connect to itself."""


def reserve() -> tuple[socket.socket, range]:
    """
    Reserve a free block; return the socket that holds it, and the ports after its first.

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
