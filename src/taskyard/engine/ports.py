"""The ports of this machine that a Compose project publishes."""

from __future__ import annotations

import errno
import random
import re
import socket
from collections.abc import Collection, Mapping, Sequence

from taskyard.compose.model import Port, Project, Service
from taskyard.engine.block import BLOCKS
from taskyard.errors import Fault, TaskyardError

FREE = range(BLOCKS.start - 10_000, BLOCKS.start)
"""Outside the blocks that runs of the local engine reserve."""

ATTEMPTS = 100


def free_port(among: Sequence[int] = FREE) -> int:
    """
    Find a TCP port of 127.0.0.1 that is free at the moment.

    Raises:
        TaskyardError: All of up to ATTEMPTS random ports are taken.
    """
    for port in random.sample(among, min(ATTEMPTS, len(among))):
        if not _why_taken(port):
            return port
    raise TaskyardError(f"none of {len(among)} ports on 127.0.0.1 is free")


def published(port: Port, index: int) -> int | None:
    """
    Return the port of this machine that a replica's port is published on.

    Args:
        index: The replica's number, from 1.

    Returns:
        None if any free port will do, or if the range has no port left for this replica.
    """
    if port.published is None:
        return None
    first, _, last = port.published.partition("-")
    wanted = int(first) + index - 1
    return wanted if wanted <= int(last or first) else None


def check(project: Project, replicas: Mapping[str, int], running: Collection[str] = ()) -> None:
    """
    Check, before anything starts, that every port to be published is free.

    Args:
        project: The project that publishes them.
        replicas: The number of replicas of each service after the start.
        running: The names, such as `shop-1`, of replicas that already have their ports.

    Raises:
        TaskyardError: One fault for each port that is taken: the process that has it, if known, and
            the variable of the Compose file that changes it, if there is one.
    """
    faults = []
    for service in project.services.values():
        for port in service.ports if service.name in replicas else ():
            if port.published is None:
                continue
            for index in range(1, replicas[service.name] + 1):
                if f"{service.name}-{index}" in running:
                    continue
                number = published(port, index)
                line = service.lines.get("ports", service.line)
                if number is None:
                    faults.append(
                        Fault(
                            f"`{service.name}-{index}` cannot publish port {port.published}:"
                            f" `{service.name}-1` has it",
                            project.path,
                            line,
                            f'publish any free port: "{port.target}", or a range',
                        )
                    )
                elif reason := _why_taken(number):
                    what = f"port {number} of this machine is taken: {reason}"
                    hint = f"free it, or choose another: {_cure(project, service, number)}"
                    faults.append(Fault(what, project.path, line, hint))
    if faults:
        raise TaskyardError.of(faults)


def _why_taken(port: int) -> str:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"{_holder(port)} has it"
            # This user may not bind a low port; the Docker daemon usually may
    return ""


def _holder(port: int) -> str:
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            address = connection.laddr
            if connection.status == psutil.CONN_LISTEN and address and address[1] == port:
                process = psutil.Process(connection.pid)
                return f"`{process.name()}` (process {process.pid})"
    except (psutil.Error, PermissionError, TypeError, ValueError):
        pass  # macOS tells only root; Linux hides the process id of another user's process
    return "another process"


def _cure(project: Project, service: Service, port: int) -> str:
    """Say how to change the port: by a variable, if the file takes it from one, or by an edit."""
    text = project.path.read_text(encoding="utf-8").splitlines()
    start = service.lines.get("ports", service.line) - 1
    for line in text[start : start + 1 + 4 * len(service.ports)]:
        for name, default in re.findall(r"\$\{(\w+):?-(\d+)\}", line):
            if int(default) == port or str(port) in line:
                return f"{name}={free_port()} make …"
    return f"edit `ports` of `{service.name}`"
