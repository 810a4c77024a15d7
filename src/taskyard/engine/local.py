"""Run a Compose project as processes of this machine, with embedded servers for some images."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from taskyard.compose.model import Healthcheck, Project, Service
from taskyard.deadline import until
from taskyard.engine import container_names, places, ports, reports
from taskyard.engine.command import run
from taskyard.engine.embedded import postgres, redis
from taskyard.engine.holder import Holder
from taskyard.engine.limits import limits
from taskyard.engine.network import Network
from taskyard.engine.order import start_order
from taskyard.engine.process import REPLICA_MARK
from taskyard.engine.protocol import Completed, Replica, Run, ServiceError
from taskyard.engine.remains import PROJECT_MARK, remove_data
from taskyard.errors import TaskyardError

NAMESPACE = Path(__file__).parent / "namespace"
LISTEN_S = 10.0

SHELL_PASSES = ("HOME", "USER", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
"""The learner's own variables that a process inherits; a container inherits none."""


class LocalEngine:
    """
    Processes instead of containers.

    A replica is a process group that the run's supervisor keeps alive. It has its service's
    environment instead of the learner's, a host name and ports of its own
    (`namespace/sitecustomize.py`), and the lab's folder as its working directory.
    """

    name = "local"

    def __init__(self, run: Run) -> None:
        places.refuse(run.project)
        if any(map(postgres.stands_for, run.project.services.values())):
            postgres.install()
        self._run = run
        self._services = {
            name: service for name, service in run.project.services.items() if not service.profiles
        }
        self._wanted = {name: service.replicas for name, service in self._services.items()}
        self._places = {
            name: places.place_of(service, run.project) for name, service in self._services.items()
        }
        links = [link for place in self._places.values() for link in place.volumes]
        self._holder = Holder(run, self.name, links)
        own = range(*self._holder.ask("reserve"))
        self._network = Network(run.state / "network", own, self._services)
        for folder in ("logs", "volumes", "tmp"):
            (run.state / folder).mkdir()

    @staticmethod
    def unsupported(project: Project) -> list[str]:
        return limits(project)

    def up(self, timeout_s: float = 120.0) -> None:
        self._up(start_order(self._services), self._wanted, timeout_s)

    def _up(self, services: list[Service], wanted: Mapping[str, int], timeout_s: float) -> None:
        """Start the missing replicas of some services, in this order."""
        running = {replica.name for replica in self.ps() if replica.state != "exited"}
        counts = {service.name: wanted[service.name] for service in services}
        container_names.check(self._run.project, counts)
        ports.check(self._run.project, counts, running)
        begin = time.monotonic()
        for service in services:
            for needed in service.depends_on:
                if needed.service in counts:
                    self._await(needed.service, needed.condition, begin, timeout_s)
            for index in range(1, wanted[service.name] + 1):
                if f"{service.name}-{index}" not in running:
                    self._begin(service, index)
        reports.wait_up(self._run.project, self, counts, begin, timeout_s)

    def _await(self, service: str, condition: str, begin: float, timeout_s: float) -> None:
        """Wait until a condition of `depends_on` holds; fail once a replica has failed for good."""
        waiting: list[Replica] = []

        def is_met() -> bool:
            waiting.clear()
            for replica in self._replicas(service):
                exited = replica.state == "exited"
                if reports.is_lost(replica) or (exited and condition == "service_healthy"):
                    raise reports.failure(self._run.project, self, replica)
                if condition == "service_healthy" and replica.health is None and not exited:
                    raise ServiceError(
                        f"`{service}` has no `healthcheck`, and something waits for its health",
                        path=self._run.project.path,
                        line=self._services[service].line,
                    )
                if condition == "service_healthy" and replica.health != "healthy":
                    waiting.append(replica)
                if condition == "service_completed_successfully" and not exited:
                    waiting.append(replica)
            return not waiting

        def missed() -> ServiceError:
            return reports.failure(self._run.project, self, waiting[0], timeout_s)

        until(is_met, f"`{service}`", timeout_s, missed=missed, since=begin)

    def _begin(self, service: Service, index: int) -> None:
        """Have the supervisor start one replica."""
        place = self._places[service.name]
        for link, volume in place.volumes.items():
            self._link(link, volume)
        self._holder.ask(
            "run",
            name=f"{service.name}/{index}",
            argv=self._command(service, index),
            env=self._environment(service, index),
            cwd=str(place.folder),
            log=str(self._log(service.name, index)),
            stop_signal=_signal(service.stop_signal or _usual_signal(service)),
            grace_s=service.stop_grace_s,
            restart=service.restart.policy,
            max_retries=service.restart.max_retries,
            health=self._health(service, index),
        )

    def _log(self, service: str, index: int) -> Path:
        return self._run.state / "logs" / f"{service}-{index}.log"

    def _command(self, service: Service, index: int) -> list[str]:
        if redis.stands_for(service):
            port = self._network.port_of(service, index, redis.PORT)
            return redis.command(service, port, self._data(service, index))
        if postgres.stands_for(service):
            postgres.prepare(service, self._run.state, self._data(service, index))
            return postgres.command(service)
        addresses = self._network.addresses()
        words = (*(service.entrypoint or ()), *(service.command or ()))
        return [postgres.reword(word, addresses) for word in words]

    def _environment(self, service: Service, index: int) -> dict[str, str]:
        shell = {name: os.environ[name] for name in SHELL_PASSES if name in os.environ}
        given = postgres.reword_variables(service.environment, self._network.addresses())
        python = [str(NAMESPACE), *filter(None, [given.get("PYTHONPATH")])]
        path = [str(Path(sys.executable).parent), os.environ["PATH"]]
        server = {}
        if postgres.stands_for(service):
            port = self._network.port_of(service, index, postgres.PORT)
            folder = self._data(service, index)
            server = postgres.environment(service, port, self._run.state, folder)
            if service.environment.get("PGHOST") in self._network.addresses():
                # The file makes the programs in this container clients of another server
                server |= {name: given[name] for name in postgres.CLIENT if name in given}
            path.insert(0, server["PATH"])
        return {
            **shell,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **given,
            **server,
            "PATH": os.pathsep.join(path),
            "PYTHONPATH": os.pathsep.join(python),
            "HOSTNAME": f"{service.name}-{index}",
            # The temporary files of a killed process are removed with the run
            "TMPDIR": str(self._run.state / "tmp"),
            PROJECT_MARK: self._run.name,
            REPLICA_MARK: f"{service.name}/{index}",
            **self._network.environment(service, index),
        }

    def _data(self, service: Service, index: int) -> Path:
        """Return the folder of an embedded server's data."""
        data = redis.data if redis.stands_for(service) else postgres.data
        mount, below = data(service)
        if mount and mount.type == "bind":
            return Path(str(mount.source)) / below
        named = mount and mount.source
        return self._volume(named or f".{service.name}-{index}") / below

    def _link(self, link: Path, volume: str) -> None:
        """Link a named volume to the path at which the service expects it."""
        target = self._volume(volume)
        if link.is_symlink() and link.readlink() == target:
            return  # another replica of the service has linked it
        if link.is_symlink() and link.exists():
            what = f"another run of this project has `{link.name}`"
            raise TaskyardError(what, path=link, hint="wait for it, or end it: make down-N")
        if link.is_symlink():
            link.unlink()  # left by a run that is gone
        if link.exists():
            moved = shlex.quote(str(link))
            raise TaskyardError(
                f"`{link.name}` is in the way of the volume `{volume}`",
                path=link,
                hint=f"move it: mv {moved} {moved}.old",
            )
        link.symlink_to(target)

    def _volume(self, name: str) -> Path:
        folder = self._run.state / "volumes" / name
        folder.mkdir(exist_ok=True)
        return folder

    def _health(self, service: Service, index: int) -> dict[str, Any] | None:
        check = service.healthcheck
        if check is None or check.disable or not check.test:
            return None
        how: dict[str, Any] = {
            name: getattr(check, name)
            for name in ("interval_s", "timeout_s", "retries", "start_period_s", "start_interval_s")
        }
        if redis.stands_for(service) and redis.is_ping(check):
            return {**how, "ping": self._network.port_of(service, index, redis.PORT)}
        return {**how, "argv": self._test(service, index, _test_command(check))}

    def _test(self, service: Service, index: int, words: Sequence[str]) -> list[str]:
        """Reword a command that runs inside a replica, so that it finds the project's servers."""
        if postgres.stands_for(service):
            port = self._network.port_of(service, index, postgres.PORT)
            return postgres.words_of(words, service.name, port)
        addresses = self._network.addresses()
        return [postgres.reword(word, addresses) for word in words]

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
        definition = reports.known(self._run.project, service)
        # Remove first, as Compose does: a failed replica that goes must not fail the others' start
        self._remove([r for r in self._replicas(service) if r.index > replicas])
        self._up([definition], {service: replicas}, timeout_s)
        self._wanted[service] = replicas

    def _remove(self, replicas: Sequence[Replica]) -> None:
        """Stop replicas of one service together, and remove their ports, data and logs."""
        if not replicas:
            return
        names = [f"{replica.service}/{replica.index}" for replica in replicas]
        self._holder.ask("remove", lasts_s=self._grace(replicas[0].service), names=names)
        for replica in replicas:
            self._network.forget(replica.service, replica.index)
            remove_data(self._run.state / "volumes" / f".{replica.name}")
            self._log(replica.service, replica.index).unlink(missing_ok=True)

    def logs(self, service: str, index: int | None = None) -> str:
        logs = [self._log(r.service, r.index) for r in self._replicas(service, index)]
        return "".join(log.read_text(errors="replace") for log in logs if log.exists())

    def exec(
        self, service: str, command: Sequence[str], index: int = 1, timeout_s: float = 60.0
    ) -> Completed:
        replica = self._replicas(service, index)[0]
        if replica.state != "running":
            raise ServiceError(f"`{replica.name}` is not running, so nothing can run beside it")
        definition = self._services[service]
        environment = self._environment(definition, index)
        try:
            done = run(
                self._test(definition, index, command),
                timeout_s,
                shown=f"`{shlex.join(command)}` in `{replica.name}`",
                env=environment,
                cwd=self._places[service].folder,
            )
        except FileNotFoundError as error:
            return Completed(127, "", f"{command[0]}: {error.strerror}\n")
        return Completed(done.returncode, done.stdout, done.stderr)

    def kill(self, service: str, index: int | None = None, signal: str = "SIGKILL") -> None:
        for replica in reports.running(service, self._replicas(service, index)):
            name = f"{service}/{replica.index}"
            self._holder.ask("kill", name=name, number=_signal(signal))

    def crash(self, service: str, index: int | None = None) -> None:
        for replica in reports.running(service, self._replicas(service, index)):
            self._holder.ask("crash", name=f"{service}/{replica.index}")

    def stop(self, service: str, index: int | None = None) -> None:
        names = self._names(service, index)
        self._holder.ask("stop", lasts_s=self._grace(service), names=names)

    def _grace(self, service: str) -> float:
        return self._services[service].stop_grace_s

    def start(self, service: str, index: int | None = None) -> None:
        for name in self._names(service, index):
            self._holder.ask("start", name=name)

    def restart(self, service: str) -> None:
        self.stop(service)
        self.start(service)

    def endpoint(self, service: str, port: int, index: int = 1) -> tuple[str, int]:
        self._replicas(service, index)
        note = self._network.note(service, index, port)

        def missed() -> ServiceError:
            noted = ", ".join(path.name for path in note.parent.glob("[0-9]*")) or "nothing"
            return ServiceError(
                f"service `{service}` does not listen on {port}; it listens on {noted}"
            )

        until(note.exists, f"`{service}` to listen on {port}", LISTEN_S, missed=missed)
        return "127.0.0.1", int(note.read_text())

    def down(self, volumes: bool = False) -> None:
        for service in reversed(start_order(self._services)):
            self._remove(self._replicas(service.name))
        if volumes:
            remove_data(self._run.state / "volumes")
            (self._run.state / "volumes").mkdir()

    def close(self, keep: bool = False) -> None:
        self._holder.close(keep)


def _usual_signal(service: Service) -> str:
    """Return the stop signal that a service's image declares."""
    return "SIGINT" if postgres.stands_for(service) else "SIGTERM"


def _test_command(check: Healthcheck) -> list[str]:
    kind, *rest = check.test
    return ["/bin/sh", "-c", rest[0]] if kind == "CMD-SHELL" else rest


def _signal(name: str) -> int:
    if name.isdigit():
        return int(name)
    return signal.Signals[name if name.startswith("SIG") else f"SIG{name}"].value
