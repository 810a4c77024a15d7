"""
What a chapter's first cell opens: a lab's files to work on, and its stack.

    from taskyard.workbench import open_lab

    bench = open_lab("first-task")
    bench.up()

Everything is on a temporary copy: a chapter never touches the learner's desk. The copy and the
processes go with the kernel, also when it is killed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from taskyard.compose import read
from taskyard.course import Course, Lab
from taskyard.display import set_up_display
from taskyard.engine import Run, embedded
from taskyard.engine.holder import Holder
from taskyard.stack import COMPOSE_FILE, Stack, project_prefix, temporary_folder

_open: Bench | Files | None = None


class Bench:
    """
    A temporary copy of a lab's files, on `sys.path`, and the stack that its Compose file describes.

    Attributes:
        folder: Where the copy is.
        stack: Not up yet. `up()` starts it; it has all that a chapter does with it.
    """

    def __init__(self, lab: Lab, variant: str, folder: Path) -> None:
        self.folder = folder
        self.stack = Stack(folder, engine="local", label=lab.slug, remove=[folder])
        self._name = f"lab {lab.slug}, {variant}"
        sys.path.insert(0, str(folder))

    def up(self) -> None:
        """Start the stack, and set the environment so that this process reaches its Redis."""
        self.stack.up()
        self.connect()

    def connect(self) -> None:
        """
        Set the variables of the Compose file that hold a Redis URL, for this process.

        Inside the stack a URL names the service; out here it names the address that stands for it.
        """
        services = self.stack.project.services
        for service in services.values():
            for name, value in service.environment.items():
                url = urlsplit(value)
                login, at, _ = url.netloc.rpartition("@")
                if url.scheme == "redis" and url.hostname and url.hostname in services:
                    host, port = self.stack.endpoint(url.hostname, url.port or embedded.PORT)
                    address = f"{login}{at}{host}:{port}"
                    os.environ[name] = url._replace(netloc=address).geturl()

    def close(self) -> None:
        """Stop the stack and remove the copy; modules imported from it are forgotten."""
        self.stack.close()
        if str(self.folder) in sys.path:
            sys.path.remove(str(self.folder))
        for name, module in list(sys.modules.items()):
            if Path(getattr(module, "__file__", None) or os.sep).is_relative_to(self.folder):
                del sys.modules[name]

    def __repr__(self) -> str:
        return f"<{self._name}>"


class Files:
    """
    A temporary copy of a lab's files and nothing that runs: for a lab whose stack needs Docker.

    Attributes:
        folder: Where the copy is.
    """

    def __init__(self, lab: Lab, variant: str, folder: Path) -> None:
        self.folder = folder
        name = project_prefix(lab.slug) + secrets.token_hex(3)
        run = Run(read(folder / COMPOSE_FILE), name, temporary_folder() / name, remove=[folder])
        self._holder = Holder(run, "local")  # it starts nothing, and removes the copy
        self._name = f"files of lab {lab.slug}, {variant}"

    def close(self) -> None:
        """Remove the copy."""
        self._holder.close(keep=False)

    def __repr__(self) -> str:
        return f"<{self._name}>"


def open_lab(lab: str | int, variant: str = "solution", course: Course | None = None) -> Bench:
    """
    Copy a lab's files to a temporary folder that this process can import from.

    Opening a lab closes the one opened before, so that a first cell can run twice.

    Args:
        lab: Slug or number.
        variant: "starter", "solution", or the name of a wrong answer.
        course: Default: the course that this package belongs to.

    Raises:
        TaskyardError: There is no such lab or variant.
    """
    bench = _copied(lab, variant, course, Bench)
    assert isinstance(bench, Bench)
    return bench


def open_files(lab: str | int, variant: str = "solution", course: Course | None = None) -> Files:
    """
    Copy a lab's files to a temporary folder, and start nothing; see `open_lab`.

    Raises:
        TaskyardError: There is no such lab or variant.
    """
    files = _copied(lab, variant, course, Files)
    assert isinstance(files, Files)
    return files


def _copied(
    lab: str | int, variant: str, course: Course | None, kind: type[Bench] | type[Files]
) -> Bench | Files:
    global _open
    if _open is not None:
        _open.close()
        _open = None
    found = (course or Course.discover()).lab(lab)
    folder = Path(tempfile.mkdtemp(prefix=f"taskyard-{found.slug}-")).resolve()
    try:
        found.assemble(variant, into=folder)
        _open = kind(found, variant, folder)
    except BaseException:
        shutil.rmtree(folder)  # nothing watches over it yet
        raise
    set_up_display(folder)
    return _open
