"""Calls to the `docker` command line on behalf of a run."""

from __future__ import annotations

import os
import subprocess

from taskyard.engine import command
from taskyard.engine.remains import PROJECT_MARK


def docker(
    project: str, *arguments: str, timeout_s: float = 60.0, stderr: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """
    Run the client, marked so that the project's supervisor can find it if this process dies.

    Args:
        project: The Compose project's name, which is the mark.

    Raises:
        ServiceError: The client did not end within `timeout_s`.
        BusyError: The same, on a machine that is too busy for that to mean anything.
    """
    return command.run(
        ["docker", *arguments],
        timeout_s,
        env={
            **os.environ,
            PROJECT_MARK: project,
            "COMPOSE_ANSI": "never",
            "DOCKER_BUILDKIT": "1",
        },
        stderr=stderr,
        start_new_session=True,  # Ctrl-C must not cut a removal in half
    )
