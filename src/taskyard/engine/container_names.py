"""The names that a Compose file gives its containers with `container_name`."""

from __future__ import annotations

from collections.abc import Mapping

from taskyard.compose.model import Project
from taskyard.errors import Fault, TaskyardError


def check(project: Project, replicas: Mapping[str, int]) -> None:
    """
    Check, before anything starts, that no two containers would have the same name.

    Compose itself prints a warning in this case, and starts nothing.

    Args:
        project: The project whose file gives the names.
        replicas: The number of replicas of each service after the start.

    Raises:
        TaskyardError: A service with several replicas has a `container_name`; one fault for each.
    """
    faults = [
        Fault(
            f"`{name}` cannot have {count} replicas: its `container_name` is for one container",
            project.path,
            project.services[name].lines.get("container_name", project.services[name].line),
            "remove `container_name`",
        )
        for name, count in replicas.items()
        if count > 1 and project.services[name].container_name
    ]
    if faults:
        raise TaskyardError.of(faults)
