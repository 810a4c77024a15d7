"""The requirements of lab 03, in the order of its README."""

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from taskyard.compose import Project, read
from taskyard.errors import TaskyardError
from taskyard.kit.contract import load
from taskyard.kit.requirement import require
from taskyard.kit.stack import COMPOSE_FILE, Choice, Stack
from taskyard.topics.compose_stack.graph import reach

LAB = Path(__file__).parent
doors = load(LAB / "doors.py")
order = load(LAB / "order.py")
passwords = load(LAB / "passwords.py")
slow = load(LAB / "slow_start.py")
startup = load(LAB / "startup.py")
storage = load(LAB / "storage.py")

EDIT = (COMPOSE_FILE,)
PORT = 8000
PASSWORD = slow.PASSWORD
BUILD_S = 900.0
DEADLINE_S = 60.0
COMMIT_S = 10.0
"""How long an order may take to reach the database: an earlier starter's shop answers before."""
HOLD_S = {"start": 6.0, "ready": 4.0}
"""How long each gate stays shut."""
CONNECT = (LAB / "connect.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def yours(folder: Path) -> Project:
    """The learner's own file, with the learner's own `.env`."""
    return read(folder / COMPOSE_FILE)


@pytest.fixture(scope="module")
def stack(folder: Path, choice: Choice) -> Iterator[Stack]:
    """A stack of the learner's files that is not up yet, with gates and a password of its own."""
    os.environ.pop(PASSWORD, None)  # the shell's would override the one in `.env`
    # This stack is never started. The copy lies in its state folder, and is removed with it
    with closing(Stack(LAB / "starter", choice, label="check-compose-stack")) as keeper:
        keeper.state.chmod(0o711)  # Postgres runs as another user, who must reach the copy
        copy = slow.prepare(folder, keeper.state / "copy", choice.name == "local")
        with slow.faults_of(folder / COMPOSE_FILE):
            stack = Stack(copy, choice, publish={"api": PORT}, label="check-compose-stack")
        try:
            yield stack
        finally:
            slow.open_gates(stack, *HOLD_S)
            stack.close()


def test_first_start(stack: Stack) -> None:
    """The API starts when the database is ready, also when that takes its time."""
    start = startup.Start(stack)
    postgres = stack.project.services["postgres"]
    startup.until(lambda: start.has_begun("postgres") or start.error, BUILD_S)
    gives_up = startup.allowed_s(postgres) < order.ENOUGH_S
    start.hold(3 * order.ENOUGH_S if gives_up else HOLD_S["start"])
    order.blame(stack, start, "start", "kept the program Postgres from starting")
    slow.open_gates(stack, "start")
    filling = stack.project.folder / "gate" / "filling"
    startup.until(lambda: filling.exists() or start.is_settled(), DEADLINE_S)
    start.hold(HOLD_S["ready"])
    order.blame(stack, start, "ready", "held Postgres in its first start, while it fills its disk")
    slow.open_gates(stack, "ready")
    order.await_api(stack, start, "let Postgres start slowly on a new volume")
    if not order.is_refused(stack):
        # Whoever waits for a while, and not for Postgres, waits as long if it takes no time
        stack.down()
        again = startup.Start(stack)
        order.await_api(stack, again, "started the stack again, with its data", start.ready_s)


def test_password_is_elsewhere(stack: Stack, folder: Path) -> None:
    """The password comes from `.env`, and compose.yaml holds none."""
    settings = stack.project.services["postgres"].environment
    user = settings.get("POSTGRES_USER", "postgres")
    env = (stack.project.folder / ".env").read_text(encoding="utf-8")
    own = re.findall(rf"^{PASSWORD}=(.*)$", env, re.MULTILINE)[-1]
    did = f"wrote another {PASSWORD} into `.env`, and started the stack"
    require(
        not order.is_refused(stack),
        did=did,
        saw=f"Postgres refuses the API: {stack.last_line('api')}",
        expected="one password for both, that of `.env`",
        look_at=f"compose.yaml: where does `${{{PASSWORD}}}` stand, in `api` and in `postgres`?",
    )

    def connect(password: str) -> bool:
        words = [user, settings.get("POSTGRES_DB", user), password]
        command = ["python", "-c", CONNECT, "postgres:5432", *words]
        return stack.exec("api", command).exit_code == 0

    require(
        connect(own),
        did=did,
        saw="Postgres refuses it, so it has its password from somewhere else",
        expected="the password of `.env`",
        look_at=f"compose.yaml: `${{{PASSWORD}}}` stands for what `.env` says",
    )
    require(
        not connect(f"not-{own}"),
        did=f"{did}; then logged in with a password that is not this one",
        saw="Postgres lets everybody in, whatever they say",
        expected="a Postgres that asks for the password of `.env`",
        look_at="compose.yaml, postgres, environment: which line turns the password off?",
    )
    passwords.require_none((folder / COMPOSE_FILE).read_text(encoding="utf-8"), PASSWORD)


def test_ports(stack: Stack, yours: Project) -> None:
    """Customers reach the API; nobody outside of this machine reaches Postgres or Redis."""
    own = {"postgres": "Postgres", "redis": "Redis"}
    found = set()
    for service in yours.services.values():
        for port in service.ports:
            who = own.get(service.name) or doors.behind(stack, service.name, port.target)
            found.add(who)
            require(
                who not in own.values() or reach(port) == "this machine",
                did=f"read where your file publishes port {port.target} of `{service.name}`",
                saw=f"{who} answers there, on {port.host_ip or '0.0.0.0'}: on every address of "
                "this machine (the course binds it to 127.0.0.1 while it runs your file; "
                "Compose does not)",
                expected="nowhere, or on 127.0.0.1",
                look_at=f"compose.yaml, {service.name}, ports: who needs them? The API does not",
            )
    require(
        doors.SHOP in found,
        did="asked at each port that your file publishes whether the shop is there",
        saw="it is at none, so no customer can order",
        expected=f"the API's port {PORT}, on any port of this machine",
        look_at="compose.yaml, api, ports",
    )


def orders(stack: Stack, index: int = 1, item: str = "") -> list[str]:
    """Order an item at one replica of the API, or without an item return all orders."""
    body = json.dumps({"item": item}).encode() if item else None
    with urllib.request.urlopen(f"{stack.http('api', PORT, index)}/orders", body, 30) as answer:
        return [] if item else json.loads(answer.read())["orders"]


def test_two_of_the_api(stack: Stack) -> None:
    """Two of the API run side by side, on one database."""
    said = ""
    try:
        stack.scale("api", 2)
    except TaskyardError as error:
        said = startup.plain(error)
    count = sum(replica.service == "api" for replica in stack.ps())
    require(
        count == 2 and not said,
        did="scaled `api` to 2",
        saw=f"{count} of it. {said}",
        expected="two that answer",
        look_at="compose.yaml, api: what can only one have, a name or a port?",
    )
    orders(stack, 1, "teapot")
    startup.until(lambda: orders(stack, 2), COMMIT_S)
    seen = orders(stack, 2)
    require(
        seen == ["teapot"],
        did="ordered a teapot at the first, and asked the second for all orders",
        saw=f"{seen}",
        expected="the teapot",
        look_at="compose.yaml, api, DATABASE_URL",
    )
    stack.scale("api", 1)


def test_orders_stay(stack: Stack, yours: Project) -> None:
    """An order is still there after `docker compose down` and `up`."""
    require(
        not (why := storage.fleeting(yours)),
        did="read which volume holds the orders",
        saw=why,
        expected="a volume that `up` makes, on a disk",
        look_at="compose.yaml, volumes",
    )
    orders(stack, 1, "kettle")
    startup.until(lambda: "kettle" in orders(stack), COMMIT_S)
    stack.down()
    stack.up()
    seen = orders(stack)
    require(
        "kettle" in seen,
        did="ordered a kettle, and typed `docker compose down` and `docker compose up`",
        saw=f"the orders {seen}: {storage.loss(yours)}",
        expected="the kettle among them",
        look_at="compose.yaml, postgres, volumes: where does this image keep its data?",
    )


def test_compose_is_content(stack: Stack, folder: Path) -> None:
    """Compose reads the file without a warning."""
    file, beside = folder / COMPOSE_FILE, stack.project.folder
    warnings = list(read(stack.project.path, text=file.read_text(encoding="utf-8")).warnings)
    if stack.choice.name == "docker":
        command = ["docker", "compose", "--file", str(file), "--project-directory", str(beside)]
        done = subprocess.run(
            [*command, "--env-file", str(beside / ".env"), "config", "--quiet"],
            capture_output=True,
            text=True,
        )
        said = re.findall(r'msg="(.*)"', done.stderr) or done.stderr.splitlines()
        warnings = [one.replace(f"{file}: ", "") for one in said]
    require(
        not warnings,
        did="typed `docker compose config --quiet`",
        saw="; ".join(warnings),
        expected="nothing",
        look_at="compose.yaml",
    )
