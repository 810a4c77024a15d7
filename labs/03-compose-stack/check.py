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

from taskyard.compose import read
from taskyard.errors import TaskyardError
from taskyard.kit.contract import load
from taskyard.kit.requirement import Unmet, ask, require
from taskyard.kit.stack import COMPOSE_FILE, Choice, Stack
from taskyard.topics.compose_stack.graph import reach

LAB = Path(__file__).parent
slow = load(LAB / "slow_start.py")

PORT = 8000
PASSWORD = slow.PASSWORD
REFUSED = "no database"
BUILD_S = 900.0
DEADLINE_S = 60.0
PATIENCE_S = 25.0
"""How long a gate stays shut for an API that was started too early, so that it asks in vain."""
COMMIT_S = 10.0
"""How long an order may take to reach the database: an earlier starter's shop answers before."""
SPARE = 4
"""An API that waits by itself goes on this many health tests before it would be unhealthy."""
CONNECT = (LAB / "connect.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def stack(folder: Path, choice: Choice) -> Iterator[Stack]:
    """A stack of the learner's files that is not up yet, with gates and a password of its own."""
    os.environ.pop(PASSWORD, None)  # the shell's would override the one in `.env`
    # This stack is never started. The copy lies in its state folder, and is removed with it
    with closing(Stack(folder, choice, label="check-compose-stack")) as keeper:
        keeper.state.chmod(0o711)  # Postgres runs as another user, who must reach the copy
        stack = Stack(
            slow.prepare(folder, keeper.state / "copy"), choice, label="check-compose-stack"
        )
        try:
            yield stack
        finally:
            slow.open_gates(stack, "start", "ready")
            stack.close()


def test_first_start(stack: Stack) -> None:
    """The API starts when the database is ready, also when that takes its time."""
    start = slow.Start(stack)
    slow.until(lambda: start.replica("postgres") or not start.is_alive(), BUILD_S)
    start.watch(tests=1)
    blame(stack, start, "start", "kept the program Postgres from starting")
    slow.open_gates(stack, "start")
    filling = stack.project.folder / "gate" / "filling"
    slow.until(
        lambda: filling.exists() or start.api_has_begun() or not start.is_alive(), DEADLINE_S
    )
    start.watch(tests=2)
    blame(stack, start, "ready", "held Postgres in its first start, while it fills its disk")
    slow.open_gates(stack, "ready")
    start.join(DEADLINE_S)
    did = "let Postgres start slowly on a new volume"
    if REFUSED in stack.logs("api"):
        accuse(stack, start, did)
    require(
        not start.error,
        did=did,
        saw=f"Compose gave up: {start.error}",
        expected="a stack that comes up",
        look_at="compose.yaml, postgres: how long may its first start take?",
    )
    ask(stack, "api", PORT, "/health")


EXPECTED = "an API that is not started before the database can be reached"
LIES = {
    "start": "while no Postgres runs: this health check asks nobody",
    "ready": "while Postgres answers on its socket and nobody can connect: "
    "this health check asks where no client ever asks",
}


def blame(stack: Stack, start: slow.Start, gate: str, did: str) -> None:
    """Raise Unmet if a health check or the API was too early while a gate was shut."""
    check = stack.project.services["postgres"].healthcheck
    if check and start.health() == "healthy":
        asked = " ".join(word for word in check.test[1:] if word not in ("sh", "-c", "probe.sh"))
        saw = f"`{asked}` says healthy {LIES[gate]}"
        raise Unmet(did, saw, EXPECTED, "compose.yaml, postgres, healthcheck: what does it ask?")
    if not start.api_has_begun():
        return
    slow.until(
        lambda: start.note_nap() or REFUSED in stack.logs("api") or is_patient(stack, start),
        PATIENCE_S,
    )
    if REFUSED in stack.logs("api"):
        accuse(stack, start, did)


def is_patient(stack: Stack, start: slow.Start) -> bool:
    """Tell whether the API has waited by itself for almost as long as its health check allows."""
    check = stack.project.services["api"].healthcheck
    return check is not None and start.api_tests() >= max(1, check.retries - SPARE)


def accuse(stack: Stack, start: slow.Start, did: str) -> None:
    """Raise Unmet for an API that asked its database too early and ended, with the reason."""
    service = stack.project.services["api"]
    look_at = "compose.yaml, api, depends_on: which condition does it wait for?"
    asked = [line for line in stack.logs("api").splitlines() if REFUSED in line]
    saw = f"the API asked at once, and ended: {asked[-1]}"
    if service.restart.policy != "no":
        slow.until(lambda: getattr(start.replica("api"), "restarts", 0) > 1, DEADLINE_S)
        refused = stack.logs("api").count(REFUSED)
        saw = f"the API ended {refused} times and was restarted: that is no order, but a loop"
        look_at = "compose.yaml, api: `restart` cures a crash; what prevents this one?"
    elif service.links:
        saw += "; `links` start one container before another, and wait for nothing"
    elif start.nap:
        saw = f"the API ran `{start.nap}` and ended all the same: a sleep is a guess"
        look_at = "compose.yaml, api, command: who knows how long this machine needs?"
    raise Unmet(did, saw, EXPECTED, look_at)


def test_password_is_elsewhere(stack: Stack) -> None:
    """The password comes from `.env`, and compose.yaml holds none."""
    folder = stack.project.folder
    settings = stack.project.services["postgres"].environment
    user = settings.get("POSTGRES_USER", "postgres")
    own = re.search(rf"^{PASSWORD}=(.*)$", (folder / ".env").read_text(), re.MULTILINE)
    words = [user, settings.get("POSTGRES_DB", user), own[1] if own else ""]
    tried = stack.exec("api", ["python", "-c", CONNECT, "postgres:5432", *words])
    require(
        tried.exit_code == 0,
        did=f"wrote another {PASSWORD} into `.env`, and started the stack",
        saw="Postgres refuses it, so it has its password from somewhere else",
        expected="the password of `.env`",
        look_at=f"compose.yaml: `${{{PASSWORD}}}` stands for what `.env` says",
    )
    text = (folder / COMPOSE_FILE).read_text(encoding="utf-8")
    try:
        services = read(Path(os.devnull, COMPOSE_FILE), {}, [], text).services
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
        for port in stack.project.services[service].ports:
            require(
                reach(port) == "this machine",
                did=f"read where your file publishes port {port.target} of `{service}`",
                saw=f"on {port.host_ip or '0.0.0.0'}: on every address of this machine "
                "(the course binds it to 127.0.0.1 while it runs your file; Compose does not)",
                expected="nowhere, or on 127.0.0.1",
                look_at=f"compose.yaml, {service}, ports: who needs them? The API does not",
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
        said = slow.plain(error)
    count = sum(replica.service == "api" for replica in stack.ps())
    require(
        count == 2 and not said,
        did="scaled `api` to 2",
        saw=f"{count} of it. {said}",
        expected="two that answer",
        look_at="compose.yaml, api: what can only one have, a name or a port?",
    )
    orders(stack, 1, "teapot")
    slow.until(lambda: orders(stack, 2), COMMIT_S)
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
    slow.until(lambda: "kettle" in orders(stack), COMMIT_S)
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
    warnings = list(stack.project.warnings)
    if stack.choice.name == "docker":
        file = stack.project.path
        command = ["docker", "compose", "--file", str(file), "config", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=file.parent)
        said = re.search(r'msg="(.*)"', done.stderr)
        text = (said[1] if said else done.stderr.strip()).replace(f"{file}: ", "")
        warnings = [text] if text else []
    require(
        not warnings,
        did="typed `docker compose config --quiet`",
        saw="; ".join(warnings),
        expected="nothing",
        look_at="compose.yaml",
    )
