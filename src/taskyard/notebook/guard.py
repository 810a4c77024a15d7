"""
Remove the temporary folder and the kernels of a notebook run, even if its builder is killed.

The builder starts `python -I -S guard.py PARENT` with a pipe on stdin. The guard makes a folder in
PARENT and prints its path. It reads the process groups of kernels, one on each line, until the pipe
ends, which it does even if the builder gets SIGKILL. Then it kills the groups, unless one line is
`done`, which says that the kernels have ended by themselves, and removes the folder.
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
    folder = tempfile.mkdtemp(prefix="taskyard-notebook-", dir=sys.argv[1])
    print(folder, flush=True)
    lines = sys.stdin.read().split()
    if "done" not in lines:
        for group in lines:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(group), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


main()
