"""For nbval: kernels get the environment of the build, and a cell that was never run is refused."""

from __future__ import annotations

import os

import pytest

from taskyard.notebook import kernel_environment

environment = kernel_environment(os.environ)
os.environ.clear()
os.environ.update(environment)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse what nbval would run, compare with nothing and report as passed."""
    for item in items:
        cell = getattr(item, "cell", None)
        if cell is not None and cell.execution_count is None:
            raise pytest.UsageError(f"{item.nodeid} was never run: make notebooks")
