"""A run that was left running, as a later command finds it."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import psutil

from taskyard.engine.client import docker
from taskyard.engine.holder import ask_run, kept_runs
from taskyard.engine.remains import PROJECT_LABEL, About
from taskyard.errors import TaskyardError

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
    """Find the runs that were left running, the newest last; see `kept_runs`."""
    engines = {"docker": _Docker, "local": _Local}
    return [engines[about["engine"]](about) for about in kept_runs(temporary, prefix)]
