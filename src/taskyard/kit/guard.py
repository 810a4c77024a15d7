"""
Hold a temporary folder, and remove it even if whoever works in it is killed.

It is started as `python -I -S guard.py PARENT PREFIX` with a pipe on stdin. The guard makes a
folder in PARENT and prints its path. It reads the process groups of kernels, one on each line,
until the pipe ends, which it does even if the other side gets SIGKILL. Then it kills the groups,
unless one line is `done`, which says that the kernels have ended by themselves, and removes the
folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile


def main() -> None:
    """Make the folder, wait for the end of stdin, kill the groups and remove the folder."""
    parent, prefix = sys.argv[1:]
    folder = tempfile.mkdtemp(prefix=prefix, dir=parent)
    print(folder, flush=True)
    lines = sys.stdin.read().split()
    if "done" not in lines:
        for group in lines:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(group), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


main()
