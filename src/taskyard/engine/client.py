"""Calls to the `docker` command line on behalf of a run."""

from __future__ import annotations

import os
import shlex
import subprocess

from taskyard.engine.protocol import ServiceError
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
    """
    try:
        return subprocess.run(
            ["docker", *arguments],
            env={
                **os.environ,
                PROJECT_MARK: project,
                "COMPOSE_ANSI": "never",
                "DOCKER_BUILDKIT": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
            start_new_session=True,  # Ctrl-C must not cut a removal in half
        )
    except subprocess.TimeoutExpired as error:
        what = f"`docker {shlex.join(arguments)}` did not end within {timeout_s:g} s"
        raise ServiceError(what) from error
