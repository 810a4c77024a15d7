"""
Remove a temporary folder when the process that uses it ends, even by SIGKILL.

That process starts `python -I -S guard.py PARENT PREFIX` with a pipe on stdin. The guard makes a
folder in PARENT and prints its path. It reads process groups, one on each line, until the pipe
ends, which it does however the other process ends. Then it kills the groups, unless one line is
`done`, which says that they have ended by themselves, and removes the folder.
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
