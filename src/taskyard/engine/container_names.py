"""The container names that a Compose project fixes."""

from __future__ import annotations

from collections.abc import Mapping

from taskyard.compose.model import Project
from taskyard.errors import Fault, TaskyardError


def check(project: Project, replicas: Mapping[str, int]) -> None:
    """
    Look, before anything starts, whether each container can have a name of its own.

    Compose warns here, and starts nothing.

    Args:
        project: The file that fixes the names.
        replicas: How many of each service there will be.

    Raises:
        TaskyardError: The services that fix one name for several containers.
    """
    faults = [
        Fault(
            f"`{name}` can not have {count} replicas: its `container_name` is for one container",
            project.path,
            project.services[name].lines.get("container_name", project.services[name].line),
            "remove `container_name`",
        )
        for name, count in replicas.items()
        if count > 1 and project.services[name].container_name
    ]
    if faults:
        raise TaskyardError.of(faults)
