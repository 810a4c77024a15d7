"""Run a notebook's cells in a kernel of their own, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

import taskyard
from taskyard.kit.guarded import GuardedFolder

SET = {
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "COLUMNS": "100",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
# PYTHONHASHSEED is unset so that an output that depends on the order of a set fails in the build,
# and PYTEST_CURRENT_TEST because ipykernel reads it.
UNSET = (
    "CLICOLOR_FORCE",
    "FORCE_COLOR",
    "MPLBACKEND",
    "MATPLOTLIBRC",
    "NO_COLOR",
    "PYTEST_CURRENT_TEST",
    "PYTHONHASHSEED",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
)


class CellFailedError(Exception):
    """A cell of a notebook failed; `index` is its place among all cells, from 0."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index


def kernel_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which a notebook's outputs are the same on every machine."""
    path = [str(Path(taskyard.__file__).parents[1]), *filter(None, [base.get("PYTHONPATH")])]
    kept = {name: value for name, value in base.items() if name not in UNSET}
    return kept | SET | {"PYTHONPATH": os.pathsep.join(path)}


def execute(notebook: NotebookNode, folder: Path, timeout_s: float = 120.0) -> None:
    """
    Run all cells of a notebook, in place.

    Args:
        notebook: Receives the outputs, including those of the cells before one that fails.
        folder: The kernel's working directory.
        timeout_s: The deadline of each cell.

    Raises:
        CellFailedError: A cell raised an error without the tag `raises-exception`, missed its
            deadline, or ended the kernel.
    """
    client = _Client(
        notebook,
        timeout=timeout_s,
        startup_timeout=60,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        allow_errors=False,
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(folder)}},
    )
    with GuardedFolder("taskyard-notebook-") as guarded:
        client.guarded = guarded
        kernel = client.create_kernel_manager()
        kernel.transport_encryption = "auto"  # otherwise ipykernel 7.4 warns on stderr
        kernel.kernel_spec_manager.kernel_dirs = []  # use this interpreter, not a user's kernel
        kernel.transport = "ipc"  # another process may take a TCP port before the kernel binds it
        kernel.connection_file = str(guarded.path / "kernel.json")
        own = {
            "IPYTHONDIR": str(guarded.path / "ipython"),  # not the user's profile
            "JUPYTER_RUNTIME_DIR": str(guarded.path),
        }
        try:
            client.execute(env=kernel_environment(os.environ) | own)
        except CellExecutionError as error:
            reason = f"a cell raised `{error.ename}: {error.evalue}`"
            raise CellFailedError(client.index, reason) from error
        except CellTimeoutError as error:
            reason = f"a cell did not end within {timeout_s:g} s"
            raise CellFailedError(client.index, reason) from error
        except DeadKernelError as error:
            raise CellFailedError(client.index, "the kernel ended in this cell") from error


class _Client(NotebookClient):
    """
    A client that reports its kernel, which leads a process group, to the guard.

    Attributes:
        index: The place of the cell that runs, from 0.
    """

    guarded: GuardedFolder
    index = 0

    async def async_execute_cell(
        self, cell: NotebookNode, cell_index: int, *options: Any, **more: Any
    ) -> NotebookNode:
        self.index = cell_index
        return await super().async_execute_cell(cell, cell_index, *options, **more)

    async def async_start_new_kernel(self, **options: Any) -> None:
        # nbclient's handlers turn Ctrl-C into an AssertionError. Without them it raises
        # KeyboardInterrupt, SIGTERM ends the builder, and the guard cleans up.
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)
        await super().async_start_new_kernel(**options)
        assert self.km and isinstance(self.km.provisioner, LocalProvisioner)
        assert self.km.provisioner.pid
        self.guarded.watch(self.km.provisioner.pid)
