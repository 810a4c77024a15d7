"""Sentences about the parts of a Compose file that the local engine does not act on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from taskyard.compose.model import Project, Service
from taskyard.engine.embedded import is_embedded, postgres, redis
from taskyard.engine.protocol import IMAGE

_SERVICES: tuple[tuple[str, Callable[[Service], object]], ...] = (
    ("builds no image for {}: its command runs as it is", lambda s: s.build),
    (
        "runs {} with the programs of this machine, not with those of its `image`",
        lambda s: not (s.build or s.image == IMAGE or is_embedded(s)),
    ),
    (
        "limits neither memory nor CPU of {}",
        lambda s: s.limits.cpus or s.limits.memory_bytes,
    ),
    (
        "reserves neither memory nor CPU for {}",
        lambda s: s.reservations.cpus or s.reservations.memory_bytes,
    ),
    ("runs {} as you, not as its `user`", lambda s: s.user),
    (
        "lets {} write into your files, which are read-only in a container",
        lambda s: any(mount.read_only for mount in s.volumes),
    ),
    ("knows no alias of a link of {}", lambda s: s.links),
    ("knows no alias of {} in a network", lambda s: any(s.networks.values())),
    ("gives {} another name than its `container_name`", lambda s: s.container_name),
    (
        "publishes no port of {} whose `protocol` is not TCP",
        lambda s: any(port.protocol != "tcp" for port in s.ports),
    ),
    (
        "does nothing with the `mode` of a port of {}",
        lambda s: any(port.mode != "ingress" for port in s.ports),
    ),
    (
        "waits for all that {} depends on, even if it is not `required`",
        lambda s: not all(needed.required for needed in s.depends_on),
    ),
    (
        "does not restart {} with what it depends on",
        lambda s: any(needed.restart for needed in s.depends_on),
    ),
    (
        "starts a server of its own for {}, not its `entrypoint`",
        lambda s: redis.stands_for(s) and s.entrypoint is not None,
    ),
    (
        f"runs PostgreSQL {postgres.VERSION} for {{}}, whatever version the image is of",
        lambda s: postgres.stands_for(s) and postgres.version(s) != postgres.VERSION,
    ),
)
"""Sentences, `{}` standing for names of services, each with a test of whether it applies to one."""

_IDLE = (
    "cap_drop",
    "deploy.endpoint_mode",
    "deploy.placement",
    "deploy.update_config",
    "develop",
    "expose",
    "init",
    "labels",
    "logging",
    "read_only",
    "security_opt",
    "shm_size",
)
"""Keys of a service that the local engine ignores; the model does not keep their values."""


def limits(project: Project) -> list[str]:
    """Return one sentence for each thing that the file asks for and the local engine lacks."""
    services = [service for service in project.services.values() if not service.profiles]
    found = [
        (sentence, [service.name for service in services if is_asked(service)])
        for sentence, is_asked in _SERVICES
    ]
    found += [
        (f"does nothing with `{key}` of {{}}", [s.name for s in services if key in s.lines])
        for key in _IDLE
    ]
    found += [
        (
            "makes a new and empty volume of its own for {}, whatever its entry says",
            [name for name, entry in project.volumes.items() if entry],
        ),
        ("isolates no network: {}", list(project.networks)),
    ]
    return [sentence.format(_listed(names)) for sentence, names in found if names]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
