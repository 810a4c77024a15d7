"""Which folders of this machine stand for a container's paths on the local engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from taskyard.compose.model import Mount, Project, Service
from taskyard.engine.embedded import is_embedded, postgres, redis
from taskyard.errors import Fault, TaskyardError

DOCKER = "run this lab with Docker"


@dataclass(frozen=True)
class Place:
    """
    The folders of one service.

    Attributes:
        folder: The folder that stands for its working directory.
        volumes: The path below `folder` at which a named volume appears, to the volume's name.
    """

    folder: Path
    volumes: Mapping[Path, str]


def place_of(service: Service, project: Project) -> Place:
    """Map a service's working directory through its bind mounts, and the named volumes below it."""
    working = _working(service)
    folder = project.folder
    for mount in service.volumes:
        if mount.type == "bind" and working.is_relative_to(mount.target):
            folder = Path(str(mount.source)) / working.relative_to(mount.target)
    volumes = {
        folder / PurePosixPath(mount.target).relative_to(working): str(mount.source)
        for mount in service.volumes
        if mount.type == "volume" and not is_embedded(service)
    }
    return Place(folder, volumes)


def _working(service: Service) -> PurePosixPath:
    """Return the working directory; if the file names none, it is the first bind mount's target."""
    binds = [mount.target for mount in service.volumes if mount.type == "bind"]
    if is_embedded(service):
        binds = []  # an embedded server's bind mounts hold its data or its scripts
    return PurePosixPath(service.working_dir or next(iter(binds), "/"))


def refuse(project: Project) -> None:
    """
    Refuse a project that processes of this machine cannot stand for.

    Raises:
        TaskyardError: One fault, with its line, for each thing that cannot be mapped.
    """
    faults = []
    for service in project.services.values():
        if service.profiles:
            continue
        found = []
        if not (is_embedded(service) or service.command or service.entrypoint):
            what = f"has no `command`, and the local engine does not know {_source(service)}"
            found.append(("image", what, f"{DOCKER}, or give it a `command`"))
        for mount in service.volumes:
            if not _is_mapped(mount, service):
                key = "tmpfs" if mount.type == "tmpfs" else "volumes"
                what = f"mounts `{mount.target}`, which does not exist on this machine"
                found.append((key, what, f"mount below its working directory, or {DOCKER}"))
            elif mount.type == "volume" and not (mount.source or is_embedded(service)):
                # Each container would get a volume of its own, but replicas here share one folder
                name = PurePosixPath(mount.target).name
                what = f"mounts a volume without a name at `{mount.target}`"
                found.append(("volumes", what, f"write `{name}:{mount.target}`, or {DOCKER}"))
        for needed in service.depends_on:
            if needed.required and project.services[needed.service].profiles:
                name = f"`{needed.service}`"
                what = f"depends on {name}, which is in a profile and does not start"
                key = "depends_on" if "depends_on" in service.lines else "links"
                found.append((key, what, f"remove `profiles` from {name}"))
        for key in ("secrets", "configs"):
            if getattr(service, key):
                what = f"uses `{key}`, which a container has under `/run/secrets` or `/`"
                found.append((key, what, DOCKER))
        for key, what, hint in found:
            line = service.lines.get(key, service.line)
            faults.append(Fault(f"service `{service.name}` {what}", project.path, line, hint))
    if faults:
        raise TaskyardError.of(faults)


def _source(service: Service) -> str:
    return f"`{service.image}`" if service.image else "what its image runs"


def _is_mapped(mount: Mount, service: Service) -> bool:
    target = PurePosixPath(mount.target)
    if redis.stands_for(service):
        return mount.type == "volume" and mount.target == redis.DATA
    if postgres.stands_for(service) and mount.type != "tmpfs":
        if mount == postgres.data(service)[0] or postgres.is_init(mount):
            return True
        above = "/var/lib/postgresql"
        return (mount.type == "volume" and str(target) == above) or _is_bind_of(mount, service)
    if mount.type == "bind":
        return _is_bind_of(mount, service)
    return mount.type == "volume" and _working(service) in target.parents


def _is_bind_of(mount: Mount, service: Service) -> bool:
    """Tell whether a mount is a bind mount at or above a service's working directory."""
    return mount.type == "bind" and _working(service).is_relative_to(mount.target)
