"""The course in its own containers: built, started, reached through its token, and gone again."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.error import HTTPError
from urllib.request import urlopen
from uuid import uuid4

import pytest

from taskyard.engine.ports import free_port
from taskyard.files import ROOT

pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.xdist_group("course-in-containers"),  # one start for all of this file
]

BUILD_S = 600.0
TOKEN = "not-a-secret-" + uuid4().hex


@dataclass(frozen=True)
class Running:
    """The Compose project of this run; `port` is JupyterLab's on this machine."""

    project: str
    port: int
    environment: dict[str, str] = field(repr=False)

    def compose(self, *arguments: str) -> str:
        command = ["docker", "compose", "--project-name", self.project, *arguments]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_S,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"{' '.join(command)}\n{done.stdout}{done.stderr}", pytrace=False)
        return done.stdout

    def status(self, path: str, token: str | None = None) -> int:
        query = f"?token={token}" if token is not None else ""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{path}{query}", timeout=30) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code

    def remains(self) -> str:
        label = f"label=com.docker.compose.project={self.project}"
        kinds = (["ps", "--all"], ["network", "ls"], ["volume", "ls"])
        return "".join(
            subprocess.run(
                ["docker", *kind, "--quiet", "--filter", label],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
            for kind in kinds
        )


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    port = free_port()
    environment = {**os.environ, "JUPYTER_PORT": str(port), "JUPYTER_TOKEN": TOKEN}
    running = Running(f"course-{uuid4().hex[:8]}", port, environment)
    try:
        running.compose("up", "--build", "--wait")
        yield running
    finally:
        running.compose("down", "--volumes", "--remove-orphans", "--rmi", "local")
        assert running.remains() == ""


def test_jupyterlab_refuses_who_has_no_token(running: Running) -> None:
    assert running.status("/api/contents") == 403
    assert running.status("/api/contents", token="guessed") == 403


def test_jupyterlab_opens_with_its_token(running: Running) -> None:
    assert running.status("/api/contents", token=TOKEN) == 200
    assert running.status("/lab", token=TOKEN) == 200


def test_an_empty_token_does_not_open_jupyterlab(running: Running) -> None:
    """The variable may be there and empty: then there is a random token, and not none."""
    program = (
        "from jupyter_server.auth.identity import IdentityProvider;"
        "print(len(IdentityProvider(need_token=True).token))"
    )
    told = running.compose(
        "exec", "-T", "--env", "JUPYTER_TOKEN=", "jupyter", "python", "-c", program
    )
    assert int(told) >= 32


def test_only_jupyterlab_is_published_and_only_on_this_machine(running: Running) -> None:
    published = {
        (entry["Service"], publisher["URL"], publisher["PublishedPort"])
        for line in running.compose("ps", "--format", "json").splitlines()
        for entry in [json.loads(line)]
        for publisher in entry["Publishers"] or []
        if publisher["PublishedPort"]
    }
    assert published == {("jupyter", "127.0.0.1", running.port)}


@pytest.mark.parametrize(("service", "user"), [("jupyter", "learner"), ("redis", "redis")])
def test_nothing_runs_as_root(running: Running, service: str, user: str) -> None:
    assert running.compose("exec", "-T", service, "whoami").strip() == user


def test_redis_answers(running: Running) -> None:
    assert running.compose("exec", "-T", "redis", "redis-cli", "ping").strip() == "PONG"


def test_a_notebook_finds_redis(running: Running) -> None:
    program = "import os, redis; print(redis.Redis.from_url(os.environ['REDIS_URL']).ping())"
    assert running.compose("exec", "-T", "jupyter", "python", "-c", program).strip() == "True"


def test_no_process_compiles_a_module_again(running: Running) -> None:
    """Neither Celery's modules nor Python's own, which the official image has uncompiled."""
    program = (
        "import os, sys, celery.apps.worker;"
        "specs = [getattr(module, '__spec__', None) for module in sys.modules.values()];"
        "compiled = [spec.cached for spec in specs if spec and spec.cached];"
        "print([path for path in compiled if not os.path.exists(path)])"
    )
    assert running.compose("exec", "-T", "jupyter", "python", "-c", program).strip() == "[]"


def test_the_learner_writes_to_the_desk_and_nowhere_else(running: Running) -> None:
    program = (
        "import os; print(os.access('work', os.W_OK), os.access('labs', os.W_OK),"
        " os.access('/opt/venv', os.W_OK))"
    )
    told = running.compose("exec", "-T", "jupyter", "python", "-c", program)
    assert told.split() == ["True", "False", "False"]


def test_jupyterlab_names_the_address_that_opens_it(running: Running) -> None:
    """`make up` prints it."""
    told = running.compose("exec", "-T", "jupyter", "jupyter", "server", "list")
    assert f":{running.port}/?token={TOKEN} " in told
