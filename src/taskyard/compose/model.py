"""
The contents of a Compose file as frozen data, which is all that an engine sees of it.

Only what something reads has a field here. The reader checks the rest, and `Service.lines` tells
which keys the file has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Command = tuple[str, ...] | None
"""An argument list; a string in the file is split as a shell would. None means the image's own."""


@dataclass(frozen=True)
class Dependency:
    """One entry of `depends_on`."""

    service: str
    condition: Literal["service_started", "service_healthy", "service_completed_successfully"] = (
        "service_started"
    )
    required: bool = True
    restart: bool = False


@dataclass(frozen=True)
class Healthcheck:
    """
    How an engine finds out whether a replica is healthy.

    Attributes:
        test: `("CMD", arg, …)` or `("CMD-SHELL", text)`; empty if `disable` is set, or if the file
            gives times alone.
        start_interval_s: The time between two tests during `start_period_s`.
    """

    test: tuple[str, ...] = ()
    interval_s: float = 30.0
    timeout_s: float = 30.0
    retries: int = 3
    start_period_s: float = 0.0
    start_interval_s: float = 5.0
    disable: bool = False


@dataclass(frozen=True)
class Port:
    """
    One published port.

    Attributes:
        target: The container's port.
        published: The port of the host: a number, a range such as `8000-8010`, or None for any
            free one.
        mode: Used by swarm, where `host` bypasses the load balancer.
    """

    target: int
    published: str | None = None
    host_ip: str | None = None
    protocol: str = "tcp"
    mode: str = "ingress"


@dataclass(frozen=True)
class Mount:
    """
    One entry of `volumes` or `tmpfs`.

    Attributes:
        source: The absolute path of a bind mount, or the name of a volume; None for an anonymous
            volume or a tmpfs.
    """

    type: Literal["bind", "volume", "tmpfs"]
    target: str
    source: str | None = None
    read_only: bool = False


@dataclass(frozen=True)
class Resources:
    """`deploy.resources.limits` or `.reservations`; memory in bytes, CPUs as a number of cores."""

    cpus: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Restart:
    """`restart:`; `max_retries` is the N of `on-failure:N`, and None means no limit."""

    policy: Literal["no", "always", "on-failure", "unless-stopped"] = "no"
    max_retries: int | None = None


@dataclass(frozen=True)
class Service:
    """
    One service.

    Attributes:
        line: Its first line in the file, from 1.
        lines: The line of each key of the service, and of the maps in it, from 1:
            `{"deploy": 4, "deploy.replicas": 5, …}`.
        build: Whether its image is built from a folder.
        environment: `env_file` and `environment`, merged, with the variables that these take from
            the shell. A name that nothing sets is absent.
        replicas: `scale` or `deploy.replicas`; 1 if the file has neither.
        stop_grace_s: Seconds between the stop signal and SIGKILL.
        networks: Name to aliases.
        secrets, configs: Their names.
    """

    name: str
    line: int
    lines: Mapping[str, int] = field(default_factory=dict)
    image: str | None = None
    build: bool = False
    command: Command = None
    entrypoint: Command = None
    environment: Mapping[str, str] = field(default_factory=dict)
    depends_on: tuple[Dependency, ...] = ()
    healthcheck: Healthcheck | None = None
    replicas: int = 1
    limits: Resources = Resources()
    reservations: Resources = Resources()
    ports: tuple[Port, ...] = ()
    volumes: tuple[Mount, ...] = ()
    networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    working_dir: str | None = None
    user: str | None = None
    restart: Restart = Restart()
    stop_signal: str | None = None
    stop_grace_s: float = 10.0
    profiles: tuple[str, ...] = ()
    container_name: str | None = None
    links: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Project:
    """
    One Compose file.

    Attributes:
        name: The file's `name:`; None if it has none, and then the engine's run is named freely.
        path: The file; `path.parent` is the project's folder.
        volumes, networks: The top-level entries, after interpolation; an empty entry is `{}`.
        warnings: Sentences for the reader, such as one about an obsolete `version`.
    """

    name: str | None
    path: Path
    services: Mapping[str, Service]
    volumes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return self.path.parent
