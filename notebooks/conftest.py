"""
For nbval: kernels get the environment of the build and talk to us through files; a cell that was
never run is refused.
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import nbval.kernel
import pytest
from jupyter_client.manager import KernelManager
from jupyter_core.paths import jupyter_runtime_dir
from traitlets import default

from taskyard.notebook.kernel import kernel_environment

environment = kernel_environment(os.environ)
os.environ.clear()
os.environ.update(environment)


class FileKernelManager(KernelManager):
    """
    Sockets in files instead of TCP ports, which are picked, let go and bound later by the kernel.

    Where much runs at once, somebody else has one by then, and the kernel never answers.
    Source: nteract/papermill, issue 511; jupyter/notebook, issue 834.
    """

    @default("transport")
    def _transport(self) -> str:
        return "ipc"

    @default("connection_file")
    def _connection_file(self) -> str:
        folder = Path(jupyter_runtime_dir())
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return str(folder / f"kernel-{uuid4().hex[:8]}.json")


nbval.kernel.KernelManager = FileKernelManager


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse what nbval would run, compare with nothing and report as passed."""
    for item in items:
        cell = getattr(item, "cell", None)
        if cell is not None and cell.execution_count is None:
            raise pytest.UsageError(f"{item.nodeid} was never run: make notebooks")
