"""What a Compose file opens to every network is bound to this machine, while the course runs it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from taskyard.kit.stack import Stack

COMPOSE = """
services:
  redis:
    image: redis:8-alpine
    ports:
      - "6379"
      - target: 7000
        host_ip: 0.0.0.0
      - "127.0.0.1::7001"
      - "23100-23110:7002"
  inner:
    image: redis:8-alpine
"""


@pytest.mark.docker
def test_every_published_port_is_bound_to_loopback(tmp_path: Path) -> None:
    """The learner's file stays as it is; the engine asks for another address."""
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    with Stack(tmp_path, "docker") as stack:
        ids = ["docker", "ps", "-q", "--filter", f"label=com.docker.compose.project={stack.name}"]
        containers = subprocess.run(ids, capture_output=True, text=True).stdout.split()
        found: dict[str, set[str]] = {}
        for container in containers:
            command = ["docker", "inspect", container]
            [seen] = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
            for port, bindings in seen["NetworkSettings"]["Ports"].items():
                for binding in bindings or ():
                    found.setdefault(port, set()).add(binding["HostIp"])
        wanted = {"6379/tcp", "7000/tcp", "7001/tcp", "7002/tcp"}
        assert {port: {"127.0.0.1"} for port in wanted} == found
        assert 23100 <= stack.endpoint("redis", 7002)[1] <= 23110
