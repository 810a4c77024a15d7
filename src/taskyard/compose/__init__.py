"""Compose files: `read` turns one into a `Project`."""

from __future__ import annotations

from taskyard.compose.model import (
    Command,
    Dependency,
    Healthcheck,
    Mount,
    Port,
    Project,
    Resources,
    Restart,
    Service,
)
from taskyard.compose.reader import read

__all__ = [
    "Command",
    "Dependency",
    "Healthcheck",
    "Mount",
    "Port",
    "Project",
    "Resources",
    "Restart",
    "Service",
    "read",
]
