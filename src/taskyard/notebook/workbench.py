"""
Open a lab in the first cell of a chapter: a copy of its files, and its stack.

    from taskyard.notebook.workbench import open_lab

    bench = open_lab("first-task")
    bench.up()

Everything happens in a temporary copy, so a chapter never touches the learner's desk. The copy and
the processes go when the kernel does, even if that is killed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from taskyard.course import Course, Lab
from taskyard.engine.embedded import redis
from taskyard.kit.guarded import GuardedFolder
from taskyard.kit.stack import COMPOSE_FILE, Stack, copy_stack
from taskyard.notebook.display import set_up_display

_open: Bench | Files | None = None


class Bench:
    """
    A temporary copy of a lab's files, on `sys.path`, and the stack that its Compose file describes.

    Attributes:
        folder: The copy.
        stack: The stack, which `up()` starts.
    """

    def __init__(self, lab: Lab, variant: str, copy: GuardedFolder) -> None:
        self._copy, self.folder = copy, copy.path
        # Where this process is killed, the stack may write until its supervisor has ended it
        self.stack = Stack(self.folder, engine="local", label=lab.slug, remove=[self.folder])
        self._name = f"lab {lab.slug}, {variant}"
        sys.path.insert(0, str(self.folder))

    def up(self) -> None:
        """Start the stack, and set this process's environment so that it can reach the Redis."""
        self.stack.up()
        self.connect()

    def connect(self) -> None:
        """
        Set, in this process, the variables of the Compose file that contain a Redis URL.

        Inside the stack a URL names the service; out here it names the address that stands for it.
        """
        services = self.stack.project.services
        for service in services.values():
            for name, value in service.environment.items():
                url = urlsplit(value)
                login, at, _ = url.netloc.rpartition("@")
                if url.scheme == "redis" and url.hostname and url.hostname in services:
                    host, port = self.stack.endpoint(url.hostname, url.port or redis.PORT)
                    address = f"{login}{at}{host}:{port}"
                    os.environ[name] = url._replace(netloc=address).geturl()

    def close(self) -> None:
        """Stop the stack, remove the copy, and forget the modules that were imported from it."""
        self.stack.close()
        self._copy.close()
        if str(self.folder) in sys.path:
            sys.path.remove(str(self.folder))
        for name, module in list(sys.modules.items()):
            if Path(getattr(module, "__file__", None) or os.sep).is_relative_to(self.folder):
                del sys.modules[name]

    def __repr__(self) -> str:
        return f"<{self._name}>"


class Files:
    """
    A temporary copy of a lab's files, for a chapter that does not start the lab's stack.

    Attributes:
        folder: The copy.
    """

    def __init__(self, lab: Lab, variant: str, copy: GuardedFolder) -> None:
        self._copy, self.folder = copy, copy.path
        self._name = f"files of lab {lab.slug}, {variant}"

    def close(self) -> None:
        """Remove the copy."""
        self._copy.close()

    def __repr__(self) -> str:
        return f"<{self._name}>"


_Opened = TypeVar("_Opened", Bench, Files)


def open_lab(lab: str | int, variant: str = "solution", course: Course | None = None) -> Bench:
    """
    Copy a lab's files to a temporary folder that this process can import from.

    This closes the lab that was open before, so that a first cell can be run again.

    Args:
        lab: The lab's slug or number.
        variant: "starter", "solution", or the name of another right or wrong answer.
        course: None means the course that this package belongs to.

    Raises:
        TaskyardError: There is no such lab or variant.
    """
    found = (course or Course.discover()).lab(lab)
    return _open_copy(found, variant, lambda into: found.assemble(variant, into), Bench)


def open_files(lab: str | int, variant: str = "solution", course: Course | None = None) -> Files:
    """
    Copy a lab's files to a temporary folder without a stack; otherwise as `open_lab`.

    Raises:
        TaskyardError: There is no such lab or variant.
    """
    found = (course or Course.discover()).lab(lab)
    return _open_copy(found, variant, lambda into: found.assemble(variant, into), Files)


def open_stack(
    lab: str | int, folder: str, compose: str = COMPOSE_FILE, course: Course | None = None
) -> Bench:
    """
    Open another folder of a lab, such as one that its demo uses, as `open_lab` opens a variant.

    Args:
        folder: The folder's name in the lab.
        compose: The file in it that becomes `compose.yaml` in the copy.
        course: None means the course that this package belongs to.
    """
    found = (course or Course.discover()).lab(lab)
    source = found.folder / folder
    return _open_copy(found, folder, lambda into: copy_stack(source, into, compose), Bench)


def _open_copy(
    lab: Lab,
    name: str,
    copy: Callable[[Path], object],
    opened: Callable[[Lab, str, GuardedFolder], _Opened],
) -> _Opened:
    global _open
    if _open is not None:
        _open.close()
        _open = None
    guarded = GuardedFolder(f"taskyard-{lab.slug}-")
    try:
        copy(guarded.path)
        bench = opened(lab, name, guarded)
    except BaseException:
        guarded.close()
        raise
    _open = bench
    set_up_display(guarded.path)
    return bench
