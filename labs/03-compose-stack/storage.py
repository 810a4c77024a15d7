"""Where a Compose file keeps what Postgres writes, as far as the file tells."""

from pathlib import PurePosixPath

from taskyard.compose import Project

DATA = PurePosixPath("/var/lib/postgresql/data")
"""What the image declares as its volume, up to version 17."""


def fleeting(project: Project) -> str:
    """Say why a volume that the file names keeps nothing; empty if it keeps what it is given."""
    for mount in project.services["postgres"].volumes:
        entry = project.volumes.get(mount.source or "", {})
        if mount.type == "volume" and entry.get("external"):
            return (
                f"the volume `{mount.source}` is external, so `up` makes none: "
                "on a new colleague's machine there is no such volume"
            )
        if "tmpfs" in (entry.get("driver_opts") or {}).values():
            return f"the volume `{mount.source}` is a tmpfs: memory, which goes with the container"
    return ""


def loss(project: Project) -> str:
    """Say why orders are lost with the container."""
    service = project.services["postgres"]
    place = PurePosixPath(service.environment.get("PGDATA", str(DATA)))
    around = [one for one in service.volumes if place.is_relative_to(one.target)]
    if any(one.type == "tmpfs" for one in around):
        return f"`tmpfs` puts {place} into memory, which goes with the container"
    if any(one.type == "volume" and not one.source for one in around):
        return f"the volume at {place} has no name, so the new container began with a new volume"
    named = [one for one in service.volumes if one.type == "volume" and one.source]
    if named and "PGDATA" in service.environment and not around:
        return (
            f"PGDATA makes Postgres write to {place}, and the volume `{named[0].source}` is at "
            f"{named[0].target}"
        )
    if named:
        held = f"`{named[0].source}`, at {named[0].target}, holds none of the data"
        return f"the new container began with a new volume: {held}"
    for other in project.services.values():
        for mount in other.volumes:
            if mount.type == "volume" and mount.source:
                return f"the volume `{mount.source}` is that of `{other.name}`; Postgres has none"
    return "Postgres has no volume with a name, so its data went with the container"
