"""Chapters to notebooks: convert, execute, normalise. `build` does all three."""

from taskyard.notebook.build import build, is_current, normalise
from taskyard.notebook.chapter import convert
from taskyard.notebook.kernel import CellFailedError, execute, kernel_environment
from taskyard.notebook.links import relink

__all__ = [
    "CellFailedError",
    "build",
    "convert",
    "execute",
    "is_current",
    "kernel_environment",
    "normalise",
    "relink",
]
