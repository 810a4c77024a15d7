"""
The learner's stack with a Postgres that starts as slowly as the check wants.

Two gates hold it: `start`, before its program begins, and `ready`, while it fills its disk and
answers on its Unix socket alone. The check opens the gates, and they stay open.
"""

import re
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import yaml

from taskyard import deadline
from taskyard.compose import read
from taskyard.errors import TaskyardError
from taskyard.kit.requirement import require
from taskyard.kit.stack import COMPOSE_FILE, Replica, Stack

SERVICES = ("api", "postgres", "redis")
PASSWORD = "POSTGRES_PASSWORD"
SCRIPTS = ("gates.sh", "filling.sh", "probe.sh")
LAB = Path(__file__).parent


def prepare(folder: Path, copy: Path) -> Path:
    """
    Copy the learner's files to a folder in which the check may change them; return the copy.

    Scripts are called by relative paths, because outside of a container there is no `/gate`.
    """
    project = read(folder / COMPOSE_FILE)  # read here, so that errors name the learner's file
    missing = [name for name in SERVICES if name not in project.services]
    require(
        not missing,
        did="read your compose.yaml",
        saw=f"no service {' and no service '.join(f'`{name}`' for name in missing)}",
        expected="the services `api`, `postgres` and `redis`",
        look_at="compose.yaml, services",
    )
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
    copy.chmod(0o755)
    gate = copy / "gate"
    gate.mkdir()
    gate.chmod(0o777)
    for script in SCRIPTS:
        shutil.copy(LAB / script, gate)
    set_password(copy / ".env", secrets.token_hex(8))
    file = copy / COMPOSE_FILE
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    postgres = document["services"]["postgres"]
    postgres.setdefault("command", ["postgres"])
    postgres["entrypoint"] = ["sh", "gates.sh"]
    postgres["working_dir"] = "/gate"
    postgres["volumes"] = [
        *postgres.get("volumes", ()),
        "./gate:/gate",
        "./gate/filling.sh:/docker-entrypoint-initdb.d/zz-gate.sh",
    ]
    check = project.services["postgres"].healthcheck
    if check and check.test:
        shell = ["sh", "-c"] if check.test[0] == "CMD-SHELL" else []
        asked = [word.replace("$", "$$") for word in check.test[1:]]  # Compose reads it once more
        postgres["healthcheck"]["test"] = ["CMD", "sh", "probe.sh", *shell, *asked]
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return copy


def set_password(file: Path, password: str) -> None:
    """Set the password in an `.env`, and keep its other lines."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    lines = [line for line in lines if not re.match(rf"\s*(export\s+)?{PASSWORD}\b", line)]
    file.write_text("\n".join([*lines, f"{PASSWORD}={password}", ""]), encoding="utf-8")


def open_gates(stack: Stack, *names: str) -> None:
    for name in names:
        if stack.project.folder.exists():
            (stack.project.folder / "gate" / name).touch()


def probes(stack: Stack) -> int:
    """Count how often the health check of Postgres has run."""
    notes = stack.project.folder / "gate" / "probes"
    return notes.read_text().count("\n") if notes.exists() else 0


def top(stack: Stack, service: str) -> str:
    """List the command lines in a service's first replica; empty if it is not running."""
    if stack.choice.name == "docker":
        chosen = ["--filter", f"label=com.docker.compose.project={stack.name}"]
        chosen += ["--filter", f"label=com.docker.compose.service={service}"]
        ids = docker("ps", "-q", *chosen).split()
        return docker("top", ids[-1]) if ids else ""
    marks = {"TASKYARD_PROJECT": stack.name, "TASKYARD_REPLICA": f"{service}/1"}
    lines = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if marks.items() <= process.environ().items():
                lines.append(" ".join(process.cmdline()))
    return "\n".join(lines)


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True).stdout


def until(holds: Callable[[], object], timeout_s: float) -> bool:
    """Poll until something holds; tell whether it did in time."""
    try:
        deadline.until(holds, "this", timeout_s)
    except deadline.BusyError:
        raise
    except deadline.DeadlineError:
        return False
    return True


def plain(error: TaskyardError) -> str:
    """Return what is wrong without its place, which is in a copy of the learner's file."""
    return "; ".join(fault.what for fault in error.faults)


class Start(threading.Thread):
    """`docker compose up` of a stack, while the check looks on."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self._stack, self.error, self.nap = stack, "", ""
        self._api_began_s: float | None = None
        self.start()

    def run(self) -> None:
        try:
            self._stack.up()
        except TaskyardError as error:
            self.error = plain(error)

    def replica(self, service: str) -> Replica | None:
        """Return the first replica of a service; None if there is none yet."""
        found = [replica for replica in self._stack.ps() if replica.service == service]
        return found[0] if found else None

    def api_has_begun(self) -> bool:
        """Tell whether the API's container has been started; until then it is `created`."""
        api = self.replica("api")
        begun = api is not None and api.state != "created"
        if begun and self._api_began_s is None:
            self._api_began_s = time.monotonic()
        return begun

    def api_tests(self) -> float:
        """Return how many health tests of the API have failed, if it has never been healthy."""
        check = self._stack.project.services["api"].healthcheck
        if check is None or self._api_began_s is None:
            return 0
        since_s = time.monotonic() - self._api_began_s - check.start_period_s
        return since_s / check.interval_s

    def note_nap(self) -> None:
        """Note whether a process of the API's container is a `sleep`."""
        found = re.search(r"(?:^|[\s/])(sleep [\d.]+\w?)", top(self._stack, "api"), re.MULTILINE)
        self.nap = found[1] if found else self.nap

    def health(self) -> str | None:
        postgres = self.replica("postgres")
        return postgres.health if postgres else None

    def watch(self, tests: int) -> None:
        """Watch while a gate is shut, until something is too early or enough health tests ran."""
        check = self._stack.project.services["postgres"].healthcheck
        before = probes(self._stack)

        def is_seen() -> bool:
            early = self.api_has_begun() or self.health() in ("healthy", "unhealthy")
            return early or probes(self._stack) >= before + tests or not self.is_alive()

        until(is_seen, tests * check.interval_s + 30 if check else 3)
