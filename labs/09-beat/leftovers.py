"""The files of beat that go away with its container, and that the local engine leaves behind."""

import dbm
import posixpath
import shelve
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path, PurePosixPath

from taskyard.compose.model import Project, Service
from taskyard.kit.worker import programs

SCHEDULE = "celerybeat-schedule"
EMBEDDED = {"-B", "--beat"}
SUFFIXES = (".dir", ".dat", ".bak", ".db")
"""What dbm adds to a name, if it adds anything."""

KEYS = {"entries", "tz", "utc_enabled"}
"""Source: Celery, `PersistentScheduler.setup_schedule`."""

REFUSED = 73
"""The exit code of a beat whose pid file names another process that lives."""


def is_embedded(project: Project, service: Service) -> bool:
    """Tell whether a service runs a beat inside its worker."""
    found = programs(service, project.folder)
    return any(name == "worker" and not EMBEDDED.isdisjoint(words) for name, words in found)


def with_beat(project: Project) -> list[Service]:
    """List the services that run a beat: the one of that name, and those whose command shows it."""
    return [
        service
        for service in project.services.values()
        if service.name == "beat"
        or is_embedded(project, service)
        or any(name == "beat" for name, _ in programs(service, project.folder))
    ]


def option(project: Project, service: Service, *names: str) -> str:
    """Return the value that a service's command gives to an option; empty if it gives none."""
    words = [word for _, found in programs(service, project.folder) for word in found]
    for word, following in pairwise([*words, ""]):
        name, equals, value = word.partition("=")
        if name in names:
            return value if equals else following
    return ""


def is_kept(service: Service, name: str) -> bool:
    """Tell whether a mount of the service covers a path, so that a file outlives the container."""
    binds = [mount.target for mount in service.volumes if mount.type == "bind"]
    working = service.working_dir or next(iter(binds), "/")
    path = PurePosixPath(posixpath.normpath(posixpath.join(working, name)))
    return any(path.is_relative_to(mount.target) for mount in service.volumes)


def files(project: Project) -> list[Path]:
    """List what beats wrote into the learner's folder, and would have lost with a container."""
    found: set[Path] = set()
    for service in with_beat(project):
        schedule = option(project, service, "--schedule", "-s") or SCHEDULE
        for name in (schedule, option(project, service, "--pidfile")):
            if name and not PurePosixPath(name).is_absolute() and not is_kept(service, name):
                path = project.folder / name
                found.update(path.parent.glob(f"{path.name}*"))  # one or several: dbm decides
        if not is_kept(service, "."):
            found.update(schedules(project.folder))
    return sorted(path for path in found if path.is_file())


def schedules(folder: Path) -> Iterator[Path]:
    """Find beat's schedule files by what they hold, whatever their names are."""
    for path in folder.rglob("*"):
        stem = path.with_suffix("") if path.suffix in SUFFIXES else path
        with suppress(OSError, *dbm.error):
            if path.is_file() and dbm.whichdb(str(stem)):
                with shelve.open(str(stem), "r") as store:
                    if not KEYS - set(store):
                        yield from stem.parent.glob(f"{stem.name}*")


@contextmanager
def put_back(project: Project) -> Iterator[None]:
    """Remove such files at the end, and restore those that were there before."""
    before = {path: path.read_bytes() for path in files(project)}
    try:
        yield
    finally:
        for path in files(project):
            if path not in before:
                path.unlink()
        for path, content in before.items():
            if not path.is_file() or path.read_bytes() != content:
                path.write_bytes(content)
