"""The files of beat that go with its container, and that the local engine leaves behind."""

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path, PurePosixPath

from taskyard.compose.model import Project, Service

SCHEDULE = "celerybeat-schedule"
BEAT = {"beat", "-B", "--beat"}
REFUSED = 73
"""What beat ends with when its pid file names another process that lives."""


def words_of(service: Service) -> list[str]:
    """Split a service's command, also that of `sh -c`."""
    text = " ".join([*(service.entrypoint or ()), *(service.command or ())])
    return [word.strip("'\"") for word in text.split()]


def option(service: Service, *names: str) -> str:
    """Return what a service's command gives to an option; nothing where it does not name it."""
    for word, following in pairwise([*words_of(service), ""]):
        name, equals, value = word.partition("=")
        if name in names:
            return value if equals else following
    return ""


def is_kept(service: Service, name: str) -> bool:
    """Tell whether a mount of the service covers a path: then the file outlives the container."""
    binds = [mount.target for mount in service.volumes if mount.type == "bind"]
    working = service.working_dir or next(iter(binds), "/")
    path = PurePosixPath(posixpath.normpath(posixpath.join(working, name)))
    return any(path.is_relative_to(mount.target) for mount in service.volumes)


def files(project: Project) -> list[Path]:
    """List what beats have written into the learner's folder and a container would take along."""
    found: set[Path] = set()
    for service in project.services.values():
        if BEAT.isdisjoint(words_of(service)):
            continue
        schedule = option(service, "--schedule", "-s") or SCHEDULE
        for name in (schedule, option(service, "--pidfile")):
            if name and not PurePosixPath(name).is_absolute() and not is_kept(service, name):
                path = project.folder / name
                found.update(path.parent.glob(f"{path.name}*"))  # one or several: dbm decides
    return sorted(path for path in found if path.is_file())


@contextmanager
def put_back(project: Project) -> Iterator[None]:
    """Remove such files at the end, and leave those that were there before as they were."""
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
