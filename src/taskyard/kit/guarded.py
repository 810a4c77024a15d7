"""A temporary folder that is removed when this process ends, however it ends."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from taskyard.errors import TaskyardError
from taskyard.kit.stack import temporary_folder

GUARD = Path(__file__).with_name("guard.py")


class GuardedFolder:
    """
    A folder for temporary files, which a second process removes when this one closes it or ends.

    Args:
        prefix: The beginning of the folder's name.

    Attributes:
        path: The folder, without symbolic links in its path.

    Raises:
        TaskyardError: The folder cannot be made.
    """

    def __init__(self, prefix: str) -> None:
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), str(temporary_folder()), prefix],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that Ctrl-C does not reach the guard
        )
        assert self._guard.stdout
        if not (made := self._guard.stdout.readline().strip()):
            raise TaskyardError(f"no folder can be made in {temporary_folder()}")
        self.path = Path(made).resolve()

    def watch(self, group: int) -> None:
        """Have a process group killed too, unless the folder is closed without an error."""
        assert self._guard.stdin
        self._guard.stdin.write(f"{group}\n")
        self._guard.stdin.flush()

    def close(self) -> None:
        """Remove the folder, and return when it is gone."""
        self._end("done\n")

    def _end(self, word: str) -> None:
        assert self._guard.stdin
        if not self._guard.stdin.closed:
            self._guard.communicate(word)
        if self._guard.returncode:  # it was killed before it could remove the folder
            shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self) -> GuardedFolder:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._end("" if error else "done\n")
