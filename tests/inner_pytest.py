"""A pytest that a test starts: with this project's settings, and of all plugins xdist alone."""

from __future__ import annotations

import pytest

from taskyard.files import ROOT

ENVIRONMENT = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin"}
"""The imports of nbval and Hypothesis alone take seconds in each process."""


def lay_out(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy the settings into a folder without tests, and set the environment."""
    (pytester.path / "tests").mkdir()
    for name in ("conftest.py", "pyproject.toml", "tests/proved.py"):
        (pytester.path / name).write_bytes((ROOT / name).read_bytes())
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
