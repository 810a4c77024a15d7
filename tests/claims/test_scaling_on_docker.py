"""What a Docker engine says when a service cannot be scaled."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskyard.engine.ports import free_port
from taskyard.kit.stack import Stack

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("claims-compose")]

SLEEPS = {"image": "redis:8-alpine", "command": ["sleep", "600"], "init": True}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Three services: one with a name of its own, one with a port, one with half a CPU."""
    folder = tmp_path_factory.mktemp("scaling")
    services = {
        "named": {**SLEEPS, "container_name": f"taskyard-{folder.name}-{free_port()}"},
        "published": {**SLEEPS, "ports": [f"127.0.0.1:{free_port()}:5678"]},
        "limited": {
            **SLEEPS,
            "image": "taskyard-runtime",
            "deploy": {"resources": {"limits": {"cpus": "0.5"}}},
        },
    }
    (folder / "compose.yaml").write_text(json.dumps({"services": services}))
    with Stack(folder, "docker", label="claims") as stack:
        yield stack


def scale(stack: Stack, service: str) -> subprocess.CompletedProcess[str]:
    """Ask Docker Compose itself for two of a service."""
    command = ["docker", "compose", "--project-name", stack.name, "up", "--detach", "--no-deps"]
    command += ["--scale", f"{service}=2", service]
    return subprocess.run(
        command, cwd=stack.project.folder, capture_output=True, text=True, check=False
    )


def states(stack: Stack, service: str) -> list[str]:
    """Ask Docker in which state each container of a service is."""
    command = ["docker", "compose", "--project-name", stack.name, "ps", "--all", service]
    command += ["--format", "{{.State}}"]
    done = subprocess.run(command, cwd=stack.project.folder, capture_output=True, text=True)
    return sorted(done.stdout.split())


def test_scaling_a_fixed_name_warns_and_starts_nothing(stack: Stack) -> None:
    """With `container_name`, `--scale` ends with an error and its reason is called a warning."""
    done = scale(stack, "named")
    assert done.returncode != 0
    assert "Remove the custom name to scale the service." in done.stderr
    assert ["running"] == states(stack, "named")


def test_a_second_container_with_a_taken_port_is_created_and_never_runs(stack: Stack) -> None:
    """Two replicas and one port of the machine: one runs, the other stays `created`."""
    done = scale(stack, "published")
    assert done.returncode != 0
    assert "port is already allocated" in done.stderr
    assert ["created", "running"] == states(stack, "published")


def test_replicas_beside_a_fixed_name_are_no_compose_file(tmp_path: Path) -> None:
    """`deploy.replicas: 2` and `container_name` in one service: Compose does not read the file."""
    service = {**SLEEPS, "container_name": "one", "deploy": {"replicas": 2}}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": {"api": service}}))
    done = subprocess.run(
        ["docker", "compose", "config", "--quiet"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "container name must be unique" in done.stderr


def test_a_cpu_limit_counts_for_automatic_concurrency_alone(stack: Stack) -> None:
    """By default a worker has a process for each CPU of the machine; `auto` asks its container."""
    ask = "from celery import Celery; app = Celery()\n"
    ask += "for n in (None, 'auto'): print(app.WorkController(concurrency=n).concurrency)"
    info = ["docker", "info", "--format", "{{.NCPU}}"]
    machine = subprocess.run(info, capture_output=True, text=True, check=True).stdout
    assert [machine.strip(), "1"] == stack.exec("limited", ["python", "-c", ask]).stdout.split()
