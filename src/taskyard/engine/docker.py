"""Run a Compose project on a Docker engine, through the `docker` command line and Compose v2."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from taskyard.compose.model import Project
from taskyard.deadline import BusyError
from taskyard.engine import container_names, override, ports, reports
from taskyard.engine.client import docker
from taskyard.engine.holder import Holder
from taskyard.engine.protocol import IMAGE, Completed, Replica, Run, ServiceError
from taskyard.engine.remains import PROJECT_LABEL, nameless, volume_names
from taskyard.errors import TaskyardError
from taskyard.files import ROOT

BUILD_S = 1800.0
QUESTIONS = ("ps", "inspect", "logs", "exec")
"""Commands that never change the ports of a container."""
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class DockerEngine:
    """
    Containers, started by `docker compose` from the learner's own file.

    A generated second file keeps the run to itself: see `override`.
    """

    name = "docker"

    def __init__(self, run: Run) -> None:
        self._run = run
        self._wanted = {
            name: service.replicas
            for name, service in run.project.services.items()
            if not service.profiles
        }
        self._holder = Holder(run, self.name)
        self._ids: list[str] = []
        self._composing = 0
        self._endpoints: dict[tuple[str, int, int], tuple[str, int]] = {}
        self._override = run.state / "override.yaml"
        self._override.write_text(override.text(run.project, run.name, run.publish))

    @staticmethod
    def unsupported(project: Project) -> list[str]:
        """Return no sentence: the labs are written for Docker."""
        return []

    def up(self, timeout_s: float = 120.0) -> None:
        if any(service.image == IMAGE for service in self._run.project.services.values()):
            self._build_image()
        self._build_own()
        self._compose_up(self._wanted, timeout_s)

    def _compose_up(self, wanted: Mapping[str, int], timeout_s: float, *names: str) -> None:
        """Start the wanted number of replicas of the named services, or of all services."""
        container_names.check(self._run.project, wanted)
        ports.check(self._run.project, wanted, {replica.name for replica in self.ps()})
        numbers = [f"--scale={name}={wanted[name]}" for name in names or wanted]
        alone = ["--no-deps"] if names else []
        # Not `--wait`: it fails as soon as a service ends, even one that has done its work
        begin = time.monotonic()
        try:
            done = self._compose(
                *("up", "-d", "--no-recreate", *alone, *numbers, *names), timeout_s=timeout_s
            )
        except (ServiceError, BusyError):
            # A dependency may never get healthy: `wait_up` says which
            reports.wait_up(self._run.project, self, names or wanted, begin, timeout_s)
            made = Counter(replica.service for replica in self.ps())
            if all(made[name] == wanted[name] for name in names or wanted):
                return
            raise
        if done.returncode == 0:
            reports.wait_up(self._run.project, self, names or wanted, begin, timeout_s)
            return
        for replica in self.ps():
            if reports.is_lost(replica):
                raise reports.failure(self._run.project, self, replica)
        raise ServiceError(
            f"`docker compose up` failed:\n{_last(done.stderr)}", path=self._run.project.path
        )

    def _build_image(self) -> None:
        """Build the image of the labs; this takes a quarter of a second if nothing has changed."""
        options = ("--quiet", "--target", "runtime", "--tag", IMAGE, str(ROOT))
        done = self._docker("build", *options, timeout_s=BUILD_S)
        if done.returncode:
            raise TaskyardError(
                f"building the image `{IMAGE}` failed:\n{_last(done.stderr)}",
                path=ROOT / "Dockerfile",
            )

    def _build_own(self) -> None:
        """Build the services that have a `build`, with a deadline longer than that of a start."""
        services = self._run.project.services
        names = [name for name in self._wanted if services[name].build]
        done = self._compose("build", "--quiet", *names, timeout_s=BUILD_S) if names else None
        if done and done.returncode:
            shown = ", ".join(f"`{name}`" for name in names)
            raise TaskyardError(
                f"building {shown} failed:\n{_last(done.stderr)}",
                path=self._run.project.path,
                line=services[names[0]].lines["build"],
            )

    def _compose(
        self, *arguments: str, timeout_s: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        project = self._run.project
        self._ids = []
        self._composing += 1  # another thread of a check may call `_inspect` meanwhile
        try:
            return self._docker(
                *("compose", "--project-name", self._run.name),
                *("--project-directory", str(project.folder)),
                *("--file", str(project.path), "--file", str(self._override)),
                *arguments,
                timeout_s=timeout_s,
            )
        finally:
            self._composing -= 1

    def _docker(
        self, *arguments: str, timeout_s: float = 60.0, stderr: int = subprocess.PIPE
    ) -> subprocess.CompletedProcess[str]:
        if arguments[0] not in QUESTIONS:
            self._endpoints.clear()
        return docker(self._run.name, *arguments, timeout_s=timeout_s, stderr=stderr)

    def _inspect(self) -> list[dict[str, Any]]:
        """Describe all containers of the run; their ids are cached until Compose runs again."""
        done = self._docker("inspect", *self._ids) if self._ids else None
        if done is None or done.returncode:
            label = f"label={PROJECT_LABEL}={self._run.name}"
            ids = self._docker("ps", "-aq", "--no-trunc", "--filter", label).stdout.split()
            self._ids = [] if self._composing else ids
            if not ids:
                return []
            done = self._docker("inspect", *ids)
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return [c for c in found if _label(c, "oneoff") != "True"]

    def ps(self) -> list[Replica]:
        order = list(self._run.project.services)
        found = [_replica(container) for container in self._inspect()]
        return sorted(found, key=lambda replica: (order.index(replica.service), replica.index))

    def _containers(self, service: str, index: int | None = None) -> list[dict[str, Any]]:
        reports.known(self._run.project, service)
        found = [
            container
            for container in self._inspect()
            if _label(container, "service") == service
            and index in (None, int(_label(container, "container-number")))
        ]
        if index is not None and not found:
            raise ServiceError(f"service `{service}` has no replica {index}")
        return sorted(found, key=lambda container: int(_label(container, "container-number")))

    def _each(
        self, service: str, index: int | None, *command: str, timeout_s: float = 60.0
    ) -> None:
        """Run a `docker` command on the containers of a service."""
        ids = [container["Id"] for container in self._containers(service, index)]
        if ids:
            self._check(self._docker(*command, *ids, timeout_s=timeout_s))

    def _check(self, done: subprocess.CompletedProcess[str]) -> str:
        if done.returncode:
            raise ServiceError(f"`{shlex.join(done.args[:3])}` failed:\n{_last(done.stderr)}")
        return done.stdout

    def scale(self, service: str, replicas: int, timeout_s: float = 60.0) -> None:
        reports.known(self._run.project, service)
        wanted = {**self._wanted, service: replicas}
        going = [c for c in self._containers(service) if _replica(c).index > replicas]
        self._compose_up(wanted, timeout_s, service)
        self._wanted = wanted
        self._forget_volumes(going)

    def logs(self, service: str, index: int | None = None) -> str:
        texts = []
        for container in self._containers(service, index):
            done = self._docker("logs", container["Id"], stderr=subprocess.STDOUT)
            texts.append(done.stdout)
        return ANSI.sub("", "".join(texts))

    def exec(
        self, service: str, command: Sequence[str], index: int = 1, timeout_s: float = 60.0
    ) -> Completed:
        container = self._containers(service, index)[0]
        if container["State"]["Status"] != "running":
            name = _replica(container).name
            raise ServiceError(f"`{name}` does not run, so nothing can run beside it")
        done = self._docker("exec", container["Id"], *command, timeout_s=timeout_s)
        return Completed(done.returncode, done.stdout, done.stderr)

    def kill(self, service: str, index: int | None = None, signal: str = "SIGKILL") -> None:
        for replica in self._running(service, index):
            self._each(service, replica.index, "kill", "--signal", signal)

    def _running(self, service: str, index: int | None) -> list[Replica]:
        return reports.running(service, [_replica(c) for c in self._containers(service, index)])

    def crash(self, service: str, index: int | None = None) -> None:
        # Linux ignores a SIGKILL that comes from inside the container to its own first process
        for replica in self._running(service, index):
            container = self._containers(service, replica.index)[0]
            self._check(
                self._docker(
                    *("run", "--rm", "--pid", "host", "--user", "0", "--entrypoint", "sh"),
                    *(container["Image"], "-c", f"kill -9 {container['State']['Pid']}"),
                )
            )

    def stop(self, service: str, index: int | None = None) -> None:
        grace_s = reports.known(self._run.project, service).stop_grace_s
        self._each(service, index, "stop", "--time", f"{grace_s:.0f}", timeout_s=grace_s + 60)

    def start(self, service: str, index: int | None = None) -> None:
        self._each(service, index, "start")

    def restart(self, service: str) -> None:
        self.stop(service)
        self.start(service)

    def endpoint(self, service: str, port: int, index: int = 1) -> tuple[str, int]:
        where = (service, port, index)
        if where not in self._endpoints:
            self._endpoints[where] = self._published_at(*where)
        found = self._endpoints[where]
        if self._run.project.services[service].restart.policy != "no":
            del self._endpoints[where]  # a restart by the policy may give it another port
        return found

    def _published_at(self, service: str, port: int, index: int) -> tuple[str, int]:
        container = self._containers(service, index)[0]
        bindings = container["NetworkSettings"]["Ports"].get(f"{port}/tcp") or []
        for binding in bindings:
            host = binding["HostIp"] or "127.0.0.1"
            return "127.0.0.1" if host in ("0.0.0.0", "::") else host, int(binding["HostPort"])
        raise ServiceError(f"port {port} of service `{service}` is not published")

    def down(self, volumes: bool = False) -> None:
        going = self._inspect()
        grace_s = max((s.stop_grace_s for s in self._run.project.services.values()), default=0.0)
        down = ("--profile", "*", "down", "--remove-orphans")
        self._check(self._compose(*down, timeout_s=grace_s + 120))
        self._forget_volumes(going)
        # Not `--volumes`: it would also remove an older volume that the file gives by `name:`
        ours = ("--filter", f"label={PROJECT_LABEL}={self._run.name}")
        if volumes and (named := self._docker("volume", "ls", "-q", *ours).stdout.split()):
            self._check(self._docker("volume", "rm", *named))

    def _forget_volumes(self, containers: Sequence[dict[str, Any]]) -> None:
        """
        Remove the anonymous volumes of containers that Compose has removed.

        Each container of an image that declares a volume, as Redis's does, gets an anonymous one.
        Compose leaves it behind, and it has no label that says which run it belonged to.
        """
        mounted = [m["Name"] for c in containers for m in c["Mounts"] if m["Type"] == "volume"]
        if left := nameless(mounted, volume_names(self._run.project, self._run.name)):
            self._docker("volume", "rm", *sorted(left))

    def close(self, keep: bool = False) -> None:
        self._holder.close(keep)


def _label(container: dict[str, Any], name: str) -> str:
    return str(container["Config"]["Labels"].get(f"com.docker.compose.{name}", ""))


def _replica(container: dict[str, Any]) -> Replica:
    state = container["State"]
    status = {"dead": "exited", "removing": "exited", "paused": "running"}
    health = state.get("Health") or {}
    log = health.get("Log") or []
    return Replica(
        service=_label(container, "service"),
        index=int(_label(container, "container-number")),
        state=status.get(state["Status"], state["Status"]),
        health=health.get("Status"),
        exit_code=state["ExitCode"] if state["Status"] in ("exited", "dead") else None,
        hostname=container["Config"]["Hostname"],
        restarts=container["RestartCount"],
        health_log=log[-1]["Output"].strip() if log and log[-1]["ExitCode"] else "",
    )


def _last(text: str) -> str:
    return "\n".join(f"  | {line}" for line in ANSI.sub("", text).strip().splitlines()[-12:])
