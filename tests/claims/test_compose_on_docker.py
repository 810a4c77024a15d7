"""What Compose does with containers, asked of a Docker engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from taskyard.engine import ServiceError
from taskyard.kit.stack import Stack
from taskyard.topics.compose_stack.changes import CHANGES, Measurement, foretell, lay_out

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("claims-compose")]

SLEEPS = {"image": "redis:8-alpine", "command": ["sleep", "600"], "init": True}


@contextmanager
def running(folder: Path, services: dict[str, object], **rest: object) -> Iterator[Stack]:
    """Hold a running stack of these services."""
    (folder / "compose.yaml").write_text(json.dumps({"services": services, **rest}))
    with Stack(folder, "docker", label="claims") as stack:
        yield stack


def compose(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `docker compose` on a stack's own file."""
    command = ["docker", "compose", "--project-name", stack.name, *arguments]
    return subprocess.run(
        command, cwd=stack.project.folder, capture_output=True, text=True, check=False
    )


def addresses(stack: Stack, service: str, name: str) -> list[str]:
    """Resolve a name inside a service's container."""
    lines = stack.exec(service, ["getent", "ahostsv4", name]).stdout.splitlines()
    return sorted({line.split()[0] for line in lines})


@pytest.mark.slow
def test_docker_does_what_the_files_foretold(tmp_path: Path) -> None:
    """Ten changes: rebuild, recreate, restart or nothing, measured by ids and by what runs."""
    folder = lay_out(tmp_path / "foretold")
    foretold = {change.what: foretell(change, folder) for change in CHANGES}
    with Measurement(tmp_path / "measured") as measurement:
        measured = {change.what: measurement.of(change) for change in CHANGES}
    assert foretold == measured


def test_a_restart_keeps_the_old_environment(tmp_path: Path) -> None:
    """A changed value counts after `up`, and not after `restart`."""
    with running(tmp_path, {"api": {**SLEEPS, "environment": {"COLOUR": "crimson"}}}) as stack:
        file = stack.project.path
        file.write_text(file.read_text().replace("crimson", "blue"))
        seen = []
        for command in (["restart", "--timeout=1"], ["up", "--detach", "--timeout=1"]):
            assert compose(stack, *command).returncode == 0
            seen.append(stack.exec("api", ["printenv", "COLOUR"]).stdout.strip())
    assert seen == ["crimson", "blue"]


def test_a_short_port_is_open_to_every_network(tmp_path: Path) -> None:
    """`"6379"` publishes on all addresses; `"127.0.0.1::6379"` on this machine's own."""
    services: dict[str, object] = {
        "short": {**SLEEPS, "ports": ["6379"]},
        "bound": {**SLEEPS, "ports": ["127.0.0.1::6379"]},
    }
    with running(tmp_path, services) as stack:
        held = compose(stack, "port", "short", "6379").stdout
        # Compose by itself, without what the course adds; nothing listens there
        assert compose(stack, "up", "--detach", "--timeout=1").returncode == 0
        seen = {name: compose(stack, "port", name, "6379").stdout for name in services}
    assert held.startswith("127.0.0.1:")
    assert seen["short"].startswith("0.0.0.0:")
    assert seen["bound"].startswith("127.0.0.1:")


def test_replicas_share_the_name_of_their_service(tmp_path: Path) -> None:
    """The name of a service has as many addresses as it has replicas."""
    api = {**SLEEPS, "deploy": {"replicas": 2}}
    with running(tmp_path, {"api": api, "asks": SLEEPS}) as stack:
        assert len(addresses(stack, "asks", "api")) == 2


def test_a_name_means_nothing_on_another_network(tmp_path: Path) -> None:
    """Services resolve each other on a network that both are on."""
    services: dict[str, object] = {
        "database": {**SLEEPS, "networks": ["inside"]},
        "api": {**SLEEPS, "networks": ["inside"]},
        "stranger": {**SLEEPS, "networks": ["outside"]},
    }
    with running(tmp_path, services, networks={"inside": {}, "outside": {}}) as stack:
        assert len(addresses(stack, "api", "database")) == 1
        assert addresses(stack, "stranger", "database") == []


def test_a_fixed_name_allows_one_container(tmp_path: Path) -> None:
    """With `container_name` Compose starts no second replica."""
    name = f"taskyard-claims-{tmp_path.name}-{id(tmp_path)}"
    with running(tmp_path, {"api": {**SLEEPS, "container_name": name}}) as stack:
        compose(stack, "up", "--detach", "--scale", "api=2")
        assert len(stack.ps()) == 1


def test_an_unhealthy_container_goes_on(tmp_path: Path) -> None:
    """A failing health check stops nothing and restarts nothing, whatever `restart` says."""
    check = {"test": ["CMD", "false"], "interval": "0.5s", "retries": 1}
    sick = {**SLEEPS, "healthcheck": check, "restart": "always"}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": {"sick": sick}}))
    stack = Stack(tmp_path, "docker", label="claims")
    try:
        with pytest.raises(ServiceError, match="unhealthy"):
            stack.up()
        (replica,) = stack.ps()
        assert (replica.state, replica.health, replica.restarts) == ("running", "unhealthy", 0)
    finally:
        stack.close()


def test_a_missing_variable_keeps_the_stack_from_starting(tmp_path: Path) -> None:
    """`${PASSWORD:?}` without a value: `docker compose` ends with an error."""
    api = {**SLEEPS, "environment": {"PASSWORD": "${TASKYARD_CLAIMS_PASSWORD:?}"}}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": {"api": api}}))
    done = subprocess.run(
        ["docker", "compose", "config", "--quiet"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "TASKYARD_CLAIMS_PASSWORD is missing a value" in done.stderr
