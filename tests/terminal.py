"""A terminal that a test types into: a real one, of a size that the test chooses."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence

from taskyard.deadline import until
from taskyard.files import ROOT

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
DEADLINE_S = 90.0


class Terminal:
    """
    A command in a terminal of its own.

    Attributes:
        process: The command; its session's leader, so that Ctrl-C reaches all of it.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], columns: int = 100) -> None:
        self._end, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        # With `CI` nobody would be looking; without it, what is left decides as for a learner
        own = {name: value for name, value in env.items() if name not in ("CI", "COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            command,
            env={**own, "TERM": "xterm-256color"},
            cwd=ROOT,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self._shown = b""

    def read(self) -> str:
        """Return all that was shown so far, without colours and cursor movements."""
        while select.select([self._end], [], [], 0)[0]:
            try:
                more = os.read(self._end, 65536)
            except OSError:  # how Linux says that nobody has the other end open any more
                break
            if not more:
                break
            self._shown += more
        return ESCAPES.sub("", self._shown.decode(errors="replace"))

    def wait_for(self, text: str) -> str:
        """Wait until a text has been shown; return all that has been shown."""
        until(lambda: text in self.read(), f"`{text}`", DEADLINE_S, self.read)
        return self.read()

    def type(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def end(self) -> tuple[int, str]:
        """Wait for the command's end; return its status and all that was shown."""
        try:
            until(lambda: self.read() and self.process.poll() is not None, "its end", DEADLINE_S)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
            status = self.process.wait()
        told = self.read()
        os.close(self._end)
        return status, told
