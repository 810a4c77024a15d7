"""A run that was left running, as a later command finds it."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import psutil

from taskyard.engine.client import docker
from taskyard.engine.holder import ask_run, end_run, kept_runs
from taskyard.engine.protocol import ServiceError
from taskyard.engine.remains import PROJECT_LABEL, About
from taskyard.errors import TaskyardError

ASK_S = 10.0
PUBLISHED = re.compile(r"(?P<host>[\d.]+):(?P<port>\d+)->(?P<target>\d+)/tcp")


@dataclass(frozen=True)
class Standing:
    """
    One replica of a kept run.

    Attributes:
        name: Service and number, as in `worker-1`.
        state: In the engine's words.
        addresses: The service's own port, to where it answers on this machine.
        log: Its file, or the command that shows it.
        key: What its engine calls it: a container's name, or the id of a process.
    """

    name: str
    state: str
    addresses: Mapping[int, str]
    log: str
    key: str = field(repr=False)

    @property
    def service(self) -> str:
        return self.name.rpartition("-")[0]


class KeptRun(ABC):
    """
    One run; `name` is its Compose project's.

    Attributes:
        engine: The name of what runs it.
    """

    def __init__(self, about: About) -> None:
        self.name, self.engine = about["project"], about["engine"]
        self._about = about

    @abstractmethod
    def replicas(self) -> list[Standing]:
        """
        List the replicas in the order in which they started.

        Raises:
            TaskyardError: The run cannot be asked.
        """

    @abstractmethod
    def log(self, replica: Standing) -> str:
        """Return what a replica wrote."""

    @abstractmethod
    def shell_line(self, replica: Standing, number: int) -> str:
        """Return the command that opens a shell beside a replica of lab `number`."""

    @abstractmethod
    def shell(self, replica: Standing) -> NoReturn:
        """Become a shell beside a replica's own process, with its environment and folder."""

    def end(self) -> None:
        """Remove it: containers or processes, volumes, files."""
        end_run(self._about)

    def find(self, service: str) -> list[Standing]:
        """
        Return the replicas of a service such as `worker`, or one such as `worker-2`; all for ``.

        Raises:
            TaskyardError: There is none; names a near miss.
        """
        replicas = self.replicas()
        found = [r for r in replicas if service in ("", r.service, r.name)]
        if found:
            return found
        names = list(dict.fromkeys(replica.service for replica in replicas))
        near = difflib.get_close_matches(service, names, n=1)
        listed = ", ".join(f"`{name}`" for name in names) or "nothing that runs"
        raise TaskyardError(
            f"there is no service `{service}` in `{self.name}`",
            hint=f"did you mean `{near[0]}`?" if near else f"it has {listed}",
        )


class _Local(KeptRun):
    def replicas(self) -> list[Standing]:
        state = Path(self._about["state"])
        found = []
        for report in ask_run(self._about, "ps"):
            service, index = report["name"].split("/")
            notes = sorted((state / "network" / report["name"]).glob("[0-9]*"))
            found.append(
                Standing(
                    name=f"{service}-{index}",
                    state=" ".join(filter(None, [report["state"], report["health_state"]])),
                    addresses={int(note.name): f"127.0.0.1:{note.read_text()}" for note in notes},
                    log=str(state / "logs" / f"{service}-{index}.log"),
                    key=str(report["pid"] or ""),
                )
            )
        return found

    def log(self, replica: Standing) -> str:
        path = Path(replica.log)
        return path.read_text(errors="replace") if path.exists() else ""

    def shell_line(self, replica: Standing, number: int) -> str:
        return f"make shell-{number} SERVICE={replica.service}"

    def shell(self, replica: Standing) -> NoReturn:
        try:
            process = psutil.Process(int(replica.key))
            environment, folder = process.environ(), process.cwd()
        except (ValueError, psutil.Error):
            raise TaskyardError(
                f"`{replica.name}` does not run, so nothing can run beside it"
            ) from None
        os.chdir(folder)
        # The terminal's own, which a service has no use for
        environment |= {"TERM": os.environ.get("TERM", "dumb"), "PS1": f"{replica.name}$ "}
        os.execve("/bin/sh", ["sh"], environment)


class _Docker(KeptRun):
    def replicas(self) -> list[Standing]:
        done = docker(
            self.name,
            *("ps", "--all", "--no-trunc", "--format", "json"),
            *("--filter", f"label={PROJECT_LABEL}={self.name}"),
        )
        if done.returncode:
            raise TaskyardError(f"Docker does not say what runs: {done.stderr.strip()}")
        containers = [json.loads(line) for line in done.stdout.splitlines()]
        return [self._standing(container) for container in reversed(containers)]  # newest first

    def _standing(self, container: Mapping[str, Any]) -> Standing:
        labels = dict(label.partition("=")[::2] for label in container["Labels"].split(","))
        name = "-".join(labels[f"com.docker.compose.{x}"] for x in ("service", "container-number"))
        return Standing(
            name=name,
            state=container["Status"],
            addresses={
                int(found["target"]): f"{found['host']}:{found['port']}"
                for found in PUBLISHED.finditer(container["Ports"])
            },
            log=f"docker logs {container['Names']}",
            key=container["Names"],
        )

    def log(self, replica: Standing) -> str:
        done = docker(self.name, "logs", replica.key)
        return done.stdout + done.stderr

    def shell_line(self, replica: Standing, number: int) -> str:
        return f"docker exec -it {replica.key} sh"

    def shell(self, replica: Standing) -> NoReturn:
        client = shutil.which("docker") or "docker"
        how = "-it" if sys.stdin.isatty() else "-i"
        os.execv(client, ["docker", "exec", how, replica.key, "sh"])


def find_kept(temporary: Path, prefix: str) -> list[KeptRun]:
    """
    Find the runs that were left running, the newest last, by the start of their project's name.

    Each has a note in its state folder. A reboot may empty the folder of temporary files and keep
    the containers, so those are looked for as well, by their label.
    """
    noted = kept_runs(temporary, prefix)
    known = {about["project"] for about in noted}
    engines = {"docker": _Docker, "local": _Local}
    abouts = [*_without_note(temporary, prefix, known), *noted]
    return [engines[about["engine"]](about) for about in abouts]


def _without_note(temporary: Path, prefix: str, known: Collection[str]) -> list[About]:
    """Return what can be said of the runs of which nothing but containers is left."""
    if shutil.which("docker") is None:
        return []
    label = f'{{{{.Label "{PROJECT_LABEL}"}}}}'
    with suppress(ServiceError):  # an engine that hangs keeps no lab from running without it
        done = docker(prefix, "ps", "--all", "--format", label, timeout_s=ASK_S)
        names = {name for name in done.stdout.split() if name.startswith(prefix)}
        return [
            About(
                state=str(temporary / name),
                project=name,
                engine="docker",
                folder="",
                remove=[],
                links=[],
                volumes=None,
            )
            for name in sorted(names.difference(known))
        ]
    return []
