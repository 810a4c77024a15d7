"""The requirements of lab 03, in the order of its README."""

import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from taskyard.check import Unmet, ask, require
from taskyard.compose import read
from taskyard.engine import Replica, ServiceError
from taskyard.errors import TaskyardError
from taskyard.stack import COMPOSE_FILE, Stack

PORT = 8000
SERVICES = ("api", "postgres", "redis")
PASSWORD = "POSTGRES_PASSWORD"
REFUSED = "no database"
BUILD_S = 900.0
DEADLINE_S = 60.0
PATIENCE_S = 25.0
"""How long a shut gate waits for an API that has started too early to ask its database."""
NAP_S = 8.0
STEP_S = 0.1
LOOPBACK = ("127.0.0.1", "::1")

# Two gates in Postgres's way: a slow disk, under this check's control. They stay open afterwards.
START = """
until [ -e /gate/start ]; do sleep 0.1; done
cat > /docker-entrypoint-initdb.d/zz-gate.sh <<'END'
touch /gate/filling
until [ -e /gate/ready ]; do sleep 0.1; done
END
exec docker-entrypoint.sh "$@"
"""

CONNECT = """
import sys, psycopg
host, user, name, password = sys.argv[1:]
try:
    psycopg.connect(host=host, user=user, dbname=name, password=password, connect_timeout=5)
except psycopg.OperationalError as error:
    sys.exit(str(error))
"""


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    """The learner's files, not up yet: with gates before Postgres, and a password of their own."""
    os.environ.pop(PASSWORD, None)  # the shell's would win over the `.env`
    copy = prepare(folder)
    stack = Stack(copy, "docker", label="check-compose-stack", remove=[copy])
    try:
        yield stack
    finally:
        open_gates(stack, "start", "ready")
        stack.close()


def prepare(folder: Path) -> Path:
    """Copy the learner's files, where the check may change them."""
    project = read(folder / COMPOSE_FILE)  # what is wrong with the file names the learner's lines
    missing = [name for name in SERVICES if name not in project.services]
    require(
        not missing,
        did="read your compose.yaml",
        saw=f"no service {' and no service '.join(f'`{name}`' for name in missing)}",
        expected="the services `api`, `postgres` and `redis`",
        look_at="compose.yaml, services",
    )
    copy = Path(tempfile.mkdtemp(prefix="taskyard-compose-stack-")).resolve()
    shutil.copytree(folder, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    copy.chmod(0o755)
    gate = copy / "gate"
    gate.mkdir()
    gate.chmod(0o777)
    (gate / "start.sh").write_text(START)
    set_password(copy / ".env", secrets.token_hex(8))
    file = copy / COMPOSE_FILE
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    for service in document["services"].values():
        if "container_name" in service:  # as fixed as before, and nobody else's
            service["container_name"] += f"-{secrets.token_hex(3)}"
    postgres = document["services"]["postgres"]
    postgres.setdefault("command", ["postgres"])
    postgres["entrypoint"] = ["sh", "/gate/start.sh"]
    postgres["volumes"] = [*postgres.get("volumes", ()), "./gate:/gate"]
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return copy


def set_password(file: Path, password: str) -> None:
    """Give the `.env` another password, and leave its other lines."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    lines = [line for line in lines if not re.match(rf"\s*(export\s+)?{PASSWORD}\b", line)]
    file.write_text("\n".join([*lines, f"{PASSWORD}={password}", ""]), encoding="utf-8")


def open_gates(stack: Stack, *names: str) -> None:
    for name in names:
        if stack.project.folder.exists():
            (stack.project.folder / "gate" / name).touch()


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True).stdout


def inspect(stack: Stack, service: str) -> dict[str, Any]:
    """Return what Docker knows of a service's first container, or nothing."""
    labels = {"project": stack.name, "service": service}
    chosen = [f"--filter=label=com.docker.compose.{key}={labels[key]}" for key in labels]
    ids = docker("ps", "-aq", *chosen).split()
    return json.loads(docker("inspect", ids[-1]))[0] if ids else {}


def until(holds: Callable[[], object], timeout_s: float) -> bool:
    """Poll until something holds; tell whether it did in time."""
    end = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(STEP_S)
    return True


class Start(threading.Thread):
    """`docker compose up` of a stack, while the check looks on."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self._stack, self.error = stack, ""
        self.start()

    def run(self) -> None:
        try:
            self._stack.up()
        except TaskyardError as error:
            self.error = str(error)

    def replica(self, service: str) -> Replica | None:
        """Return the first replica of a service; None before there is one."""
        found = [replica for replica in self._stack.ps() if replica.service == service]
        return found[0] if found else None

    def api_has_begun(self) -> bool:
        """Tell whether the API's container was started; until then Docker calls it created."""
        api = self.replica("api")
        return api is not None and (api.state != "exited" or api.exit_code is not None)

    def health(self) -> str | None:
        postgres = self.replica("postgres")
        return postgres.health if postgres else None

    def watch(self, probes: int) -> None:
        """Look on while a gate is shut: until something is early, or so many health tests ran."""
        check = self._stack.project.services["postgres"].healthcheck
        seen = {last_probe(self._stack)}

        def is_seen() -> bool:
            seen.add(last_probe(self._stack))
            early = self.api_has_begun() or self.health() in ("healthy", "unhealthy")
            return early or len(seen) > probes or not self.is_alive()

        until(is_seen, probes * check.interval_s + 3 if check else 3)


def last_probe(stack: Stack) -> str:
    health = inspect(stack, "postgres").get("State", {}).get("Health") or {}
    return str(health["Log"][-1]["Start"]) if health.get("Log") else ""


def test_first_start(stack: Stack) -> None:
    """The API starts when the database is ready, also when that takes its time."""
    start = Start(stack)
    until(lambda: start.replica("postgres") or not start.is_alive(), BUILD_S)
    start.watch(probes=1)
    blame(stack, start, "kept the program Postgres from starting", "no Postgres runs")
    open_gates(stack, "start")
    filling = stack.project.folder / "gate" / "filling"
    until(lambda: filling.exists() or start.api_has_begun() or not start.is_alive(), DEADLINE_S)
    start.watch(probes=2)
    slow = "held Postgres in its first start, where it answers on its own socket and nowhere else"
    blame(stack, start, slow, "Postgres answers on its socket, and nobody can connect")
    open_gates(stack, "ready")
    start.join(DEADLINE_S)
    did = "let Postgres start slowly on a new volume"
    require(
        not start.error,
        did=did,
        saw=f"Compose gave up: {start.error}",
        expected="a stack that comes up",
        look_at="compose.yaml, postgres: how long may its first start take?",
    )
    ask(stack, "api", PORT, "/health")
    refused = stack.logs("api").count(REFUSED)
    require(
        not refused,
        did=did,
        saw=f"the API asked too early, {refused} times",
        expected="an API that asks once",
        look_at="compose.yaml, api: what does it wait for?",
    )


def blame(stack: Stack, start: Start, did: str, while_: str) -> None:
    """Say why something came too early, while a gate was shut; return if nothing did."""
    expected = "an API that is not started before the database can be reached"
    if start.health() == "healthy":
        names = stack.project.services["postgres"].healthcheck
        test = " ".join(names.test[1:]) if names else ""
        lie = "asks nobody" if while_.startswith("no ") else "asks where no client ever asks"
        saw = f"`{test}` says healthy while {while_}: this health check {lie}"
        raise Unmet(did, saw, expected, "compose.yaml, postgres, healthcheck: what does it ask?")
    if not start.api_has_begun():
        return
    if not until(lambda: REFUSED in stack.logs("api"), PATIENCE_S):
        return  # it was started, and waits by itself
    service = stack.project.services["api"]
    look_at = "compose.yaml, api, depends_on: which condition does it wait for?"
    saw = "the API asked at once, and ended: " + last_line(stack.logs("api"))
    if service.restart.policy != "no":
        until(lambda: getattr(start.replica("api"), "restarts", 0) > 1, PATIENCE_S)
        refused = stack.logs("api").count(REFUSED)
        saw = f"the API ended {refused} times and was restarted: that is no order, but a loop"
        look_at = "compose.yaml, api: `restart` cures a crash; what prevents this one?"
    elif service.links:
        saw += "; `links` start one container before another, and wait for nothing"
    elif (slept := lasted_s(stack)) > NAP_S:
        saw = f"the API slept for {slept:.0f} s and ended all the same: a sleep is a guess"
        look_at = "compose.yaml, api, command: who knows how long this machine needs?"
    raise Unmet(did, saw, expected, look_at)


def last_line(log: str) -> str:
    lines = [line for line in log.splitlines() if REFUSED in line]
    return lines[-1] if lines else "nothing"


def lasted_s(stack: Stack) -> float:
    """Return how long the API's container ran; 0 while it runs."""
    until(lambda: inspect(stack, "api")["State"]["Status"] == "exited", PATIENCE_S)
    state = inspect(stack, "api")["State"]
    began, ended = (datetime.fromisoformat(state[key]) for key in ("StartedAt", "FinishedAt"))
    return max(0.0, (ended - began).total_seconds())


def test_password_is_elsewhere(stack: Stack) -> None:
    """The password comes from `.env`, and compose.yaml holds none."""
    folder = stack.project.folder
    settings = stack.project.services["postgres"].environment
    user = settings.get("POSTGRES_USER", "postgres")
    own = re.search(rf"^{PASSWORD}=(.*)$", (folder / ".env").read_text(), re.MULTILINE)
    words = [user, settings.get("POSTGRES_DB", user), own[1] if own else ""]
    tried = stack.exec("api", ["python", "-c", CONNECT, "postgres", *words])
    require(
        tried.exit_code == 0,
        did=f"wrote another {PASSWORD} into `.env`, and started the stack",
        saw="Postgres refuses it, so it has its password from somewhere else",
        expected="the password of `.env`",
        look_at=f"compose.yaml: `${{{PASSWORD}}}` stands for what `.env` says",
    )
    with tempfile.TemporaryDirectory() as alone:
        shutil.copy(folder / COMPOSE_FILE, alone)
        try:
            services = read(Path(alone) / COMPOSE_FILE, {}, []).services
        except TaskyardError:
            return  # without a password there is no stack
    left = services["postgres"].environment.get(PASSWORD, "")
    require(
        not left,
        did="read compose.yaml where no `.env` is",
        saw=f"Postgres starts with the password `{left}`, which everybody can read in the file",
        expected="no password, and so no stack",
        look_at="compose.yaml, postgres: `:-` gives a default, `:?` asks for a value",
    )


def test_redis_is_inside(stack: Stack) -> None:
    """Nobody outside of this machine reaches Postgres or Redis."""
    for service in ("postgres", "redis"):
        for port, bindings in inspect(stack, service)["NetworkSettings"]["Ports"].items():
            hosts = [binding["HostIp"] for binding in bindings or ()]
            require(
                set(hosts) <= set(LOOPBACK),
                did=f"asked Docker where port {port} of `{service}` is published",
                saw=f"on {hosts[0] if hosts else ''}: on every address of this machine",
                expected="nowhere, or on 127.0.0.1",
                look_at=f"compose.yaml, {service}, ports: who needs them? The API does not",
            )


def orders(stack: Stack, index: int = 1, item: str = "") -> list[str]:
    """Order something, or ask for all orders, at one replica of the API."""
    body = json.dumps({"item": item}).encode() if item else None
    with urllib.request.urlopen(f"{stack.http('api', PORT, index)}/orders", body, 30) as answer:
        return [] if item else json.loads(answer.read())["orders"]


def test_two_of_the_api(stack: Stack) -> None:
    """Two of the API run side by side, on one database."""
    did, expected = "scaled `api` to 2", "two that answer"
    try:
        stack.scale("api", 2)
    except ServiceError as error:
        raise Unmet(
            did, str(error), expected, "compose.yaml, api: what can only one have?"
        ) from None
    count = sum(replica.service == "api" for replica in stack.ps())
    require(
        count == 2,
        did=did,
        saw=f"{count} of it: Compose starts no second container under a fixed name",
        expected=expected,
        look_at="compose.yaml, api: what can only one have?",
    )
    orders(stack, 1, "teapot")
    seen = orders(stack, 2)
    require(
        seen == ["teapot"],
        did="ordered a teapot at the first, and asked the second for all orders",
        saw=f"{seen}",
        expected="the teapot",
        look_at="compose.yaml, api, DATABASE_URL",
    )
    stack.scale("api", 1)


def test_orders_stay(stack: Stack) -> None:
    """An order is still there after `docker compose down` and `up`."""
    orders(stack, 1, "kettle")
    stack.down()
    stack.up()
    seen = orders(stack)
    require(
        "kettle" in seen,
        did="ordered a kettle, and typed `docker compose down` and `docker compose up`",
        saw=f"the orders {seen}: the new container began with a new volume",
        expected="the kettle among them",
        look_at="compose.yaml, postgres, volumes: where does this image keep its data?",
    )


def test_compose_is_content(stack: Stack) -> None:
    """Compose reads the file without a warning."""
    file = stack.project.path
    command = ["docker", "compose", "--file", str(file), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=file.parent)
    said = re.search(r'msg="(.*)"', done.stderr)
    require(
        not done.stderr.strip(),
        did="typed `docker compose config --quiet`",
        saw=(said[1] if said else done.stderr.strip()).replace(f"{file}: ", ""),
        expected="nothing",
        look_at="compose.yaml",
    )
