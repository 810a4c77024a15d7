"""A running Compose project, for demos, checks and notebooks."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from taskyard.compose import read
from taskyard.compose.model import Project
from taskyard.deadline import until
from taskyard.engine import Choice, Completed, Replica, Run, ServiceError, choose
from taskyard.engine.embedded import is_embedded, redis
from taskyard.errors import TaskyardError
from taskyard.kit.worker import says_worker, subcommand

__all__ = [
    "COMPOSE_FILE",
    "Choice",
    "Completed",
    "Replica",
    "ServiceError",
    "Stack",
    "copy_stack",
    "project_prefix",
    "temporary_folder",
]

COMPOSE_FILE = "compose.yaml"
LABEL_MAX = 50
LAST_LINES = 6
GREETING_S = 10.0
"""The time in which a program that starts a worker has imported Celery and printed its banner."""

_ERROR = re.compile(r"Error\b|ERROR|CRITICAL")
_ANSWERED = re.compile(r'HTTP/\d\.\d" 2\d\d\b')
"""What servers log of a request that went well."""


class Stack:
    """
    One run of the Compose project in a folder.

    ```python
    with Stack(folder) as stack:
        stack.scale("worker", 3)
        redis.Redis.from_url(stack.url("redis"))
    ```

    Methods that are not defined here are the engine's: see `taskyard.engine.protocol.Engine`.
    However this process ends, nothing that the run started outlives it.

    Args:
        folder: The folder of `compose.yaml`.
        engine: The result of `choose`, the name of an engine, or None to choose here.
        publish: Ports to reach from this machine: service to container port. Redis's port is always
            published.
        label: The start of the project's name; None means the folder's name.
        remove: Further paths to remove at the end of the run.
    """

    def __init__(
        self,
        folder: Path,
        engine: Choice | str | None = None,
        *,
        publish: Mapping[str, int] | None = None,
        label: str | None = None,
        remove: Sequence[Path] = (),
    ) -> None:
        self.project: Project = read(folder / COMPOSE_FILE)
        self.choice = engine if isinstance(engine, Choice) else choose(engine)
        name = project_prefix(label or folder.name) + secrets.token_hex(3)
        caches = {
            service.name: redis.PORT
            for service in self.project.services.values()
            if redis.stands_for(service)
        }
        run = Run(
            project=self.project,
            name=name,
            state=temporary_folder() / name,
            publish={**caches, **(publish or {})},
            remove=remove,
        )
        self.name = name
        self.state = run.state
        self._awaited: set[str] = set()
        self.engine = self.choice.engine()(run)
        self.up = self.engine.up
        self.ps = self.engine.ps
        self.scale = self.engine.scale
        self.logs = self.engine.logs
        self.exec = self.engine.exec
        self.kill = self.engine.kill
        self.crash = self.engine.crash
        self.stop = self.engine.stop
        self.start = self.engine.start
        self.restart = self.engine.restart
        self.endpoint = self.engine.endpoint
        self.down = self.engine.down
        self.close = self.engine.close

    def url(self, service: str = "redis", database: int = 0) -> str:
        """
        Return the URL at which a Redis of the project answers on this machine.

        Docker may publish another port after a restart, so call this again then.
        """
        host, port = self.endpoint(service, redis.PORT)
        return f"redis://{host}:{port}/{database}"

    def http(self, service: str, port: int, index: int = 1) -> str:
        """Return the address at which a service's HTTP port answers on this machine."""
        host, number = self.endpoint(service, port, index)
        return f"http://{host}:{number}"

    def outside(self, url: str) -> str:
        """
        Translate a service's URL of a Redis of the project into one that works on this machine.

        The login, the database and the options stay. Any other text is returned unchanged.
        """
        parts = urlsplit(url)
        service = self.project.services.get(parts.hostname or "")
        if service is None or not redis.stands_for(service):
            return url
        host, port = self.endpoint(service.name, parts.port or redis.PORT)
        login, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{login}{at}{host}:{port}").geturl()

    def url_of(self, variable: str) -> str:
        """
        Return the URL on this machine of the Redis that a variable of some service names.

        If no service has the variable, it is database 0 of `redis`.
        """
        services = self.project.services.values()
        named = filter(None, (service.environment.get(variable) for service in services))
        return self.outside(next(named, f"redis://redis:{redis.PORT}/0"))

    def workers(self) -> int:
        """Count the replicas that run a Celery worker, each of which is a node that will answer."""
        return len(self.worker_replicas())

    def worker_replicas(self) -> list[Replica]:
        """
        Return the replicas that run a Celery worker.

        A service's command tells at once, even if it calls a shell or a script. A worker that is
        started in another way, such as by an image's entry point, is known by the banner in its
        log. This waits for the banner once, until the health check passes without one.
        """
        return [one for one in self.ps() if self._is_worker(one)]

    def _is_worker(self, replica: Replica) -> bool:
        service = self.project.services[replica.service]
        if is_embedded(service):
            return False
        command = subcommand(service, self.project.folder)
        if command == "worker":
            return True

        def greets() -> bool:
            return says_worker(self.logs(replica.service, replica.index))

        def is_decided() -> bool:
            now = next((one for one in self.ps() if one.name == replica.name), replica)
            return greets() or now.health == "healthy" or now.state == "exited"

        if not command and replica.name not in self._awaited:
            with suppress(TimeoutError):
                until(is_decided, f"`{replica.name}` to greet", GREETING_S)
            self._awaited.add(replica.name)
        return greets()

    def wait_log(self, service: str, *texts: str, timeout_s: float = 30.0) -> str:
        """
        Wait until a service has written one of the texts; return its log.

        Raises:
            TimeoutError: It has written none of them in time; quotes the end of its log.
        """
        wanted = " or ".join(f"`{text}`" for text in texts)
        until(
            lambda: any(map(self.logs(service).count, texts)),
            f"`{service}` to write {wanted}",
            timeout_s,
            lambda: f"a log that ends with: {self.last_line(service)}",
        )
        return self.logs(service)

    def last_line(self, service: str, index: int | None = None) -> str:
        """
        Return the last line of a log that is more than dashes; `nothing` if there is none.

        A health check asks all the time, so a request that went well is the last resort.
        """
        lines = (line.strip() for line in reversed(self.logs(service, index).splitlines()))
        said = [line for line in lines if line.strip("- ")] or ["nothing"]
        return next((line for line in said if not _ANSWERED.search(line)), said[0])

    def last_words(self) -> str:
        """Quote the log of each of the learner's services: its last error, or its last line."""
        own = (one.name for one in self.project.services.values() if not redis.stands_for(one))
        return "; ".join(f"`{name}` wrote last: {self._last_error(name)}" for name in own)

    def _last_error(self, service: str) -> str:
        """Return the last error in a log, even if a line such as "trying again in …" follows it."""
        last = self.logs(service).splitlines()[-LAST_LINES:]
        errors = (line.strip() for line in reversed(last) if _ERROR.search(line))
        return next(errors, self.last_line(service))

    def __enter__(self) -> Stack:
        try:
            self.up()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        services = ", ".join(self.project.services)
        return f"<Stack of {services}>"


def copy_stack(folder: Path, into: Path, compose: str = COMPOSE_FILE) -> Path:
    """
    Copy a folder, readable by a container's user, to start a stack from.

    Args:
        compose: The Compose file in `folder`, which is called `compose.yaml` in the copy.
    """
    shutil.copytree(folder, into, dirs_exist_ok=True)
    shutil.copyfile(folder / compose, into / COMPOSE_FILE)
    into.chmod(0o755)
    return into


def project_prefix(label: str) -> str:
    """Return the beginning of a project's name, which all runs with one label share."""
    return "taskyard-" + re.sub(r"[^a-z0-9_-]", "-", label.lower())[-LABEL_MAX:] + "-"


def temporary_folder() -> Path:
    """
    Return the folder for state folders.

    Its path is short, because the path of a Unix socket has at most about 100 characters.

    Raises:
        TaskyardError: No folder for temporary files can be written to.
    """
    try:
        usual = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        what = "there is no folder for temporary files that you may write to"
        hint = "make room in `/tmp`, or name another one: `export TMPDIR=~/tmp`"
        raise TaskyardError(what, hint=hint) from error
    return usual if len(str(usual)) < 20 else Path("/tmp")
