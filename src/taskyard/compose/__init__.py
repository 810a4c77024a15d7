"""Compose files: `read` one, get a `Project`."""

from __future__ import annotations

from taskyard.compose.model import (
    Build,
    Command,
    Dependency,
    FileGrant,
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
    "Build",
    "Command",
    "Dependency",
    "FileGrant",
    "Healthcheck",
    "Mount",
    "Port",
    "Project",
    "Resources",
    "Restart",
    "Service",
    "read",
]
