"""
Hold the temporary folder of one notebook run, and outlive whoever runs it.

Started as `python -I -S guard.py PARENT` with a pipe on stdin. Makes a folder in PARENT, prints it,
reads the process groups of kernels, and waits for the end of the pipe. The pipe always ends, even
when the other side is killed with SIGKILL. The line `done` means that the kernels have ended by
themselves.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile


def main() -> None:
    """Make the folder, wait for the end of stdin, and leave nothing behind."""
    folder = tempfile.mkdtemp(prefix="taskyard-notebook-", dir=sys.argv[1])
    print(folder, flush=True)
    lines = sys.stdin.read().split()
    if "done" not in lines:
        for group in lines:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(group), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


main()
