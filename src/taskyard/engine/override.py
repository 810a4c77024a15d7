"""The second Compose file of a run on Docker, which keeps runs apart and publishes ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from taskyard.compose.model import Port, Project, Service

LOOPBACK = ("127.0.0.1", "::1")


class _Instead(list[Any]):
    """A list that replaces the one in the learner's file; Compose would otherwise merge them."""


class _Dumper(yaml.SafeDumper):
    """Writes `_Instead`. Source: Compose specification, "Replace value" (Compose 2.24.4)."""


_Dumper.add_representer(
    _Instead, lambda dumper, items: dumper.represent_sequence("!override", items)
)


def text(project: Project, run: str, publish: Mapping[str, int]) -> str:
    """
    Return the file that Compose merges with the learner's.

    Args:
        run: The name of the run's Compose project, unique on this machine.
        publish: Ports to publish whatever the learner's file says: service to container port.
    """
    services = project.services.values()
    built = {one.image: f"{run}-{one.name}" for one in services if one.build and one.image}
    changes = {
        one.name: {
            **_ports(one, publish.get(one.name)),
            **_container(one, run),
            # Another run of the same file may build its image while this run starts containers
            **({"image": built[one.image]} if one.image in built else {}),
        }
        for one in services
    }
    return yaml.dump({"services": changes}, Dumper=_Dumper)


def _ports(service: Service, wanted: int | None) -> dict[str, Any]:
    """
    Publish on 127.0.0.1 the port that is wanted, and those that the file opens to every network.

    A lesson must not open a learner's machine to its neighbours, whatever the file says.
    """
    has_it = wanted in [None, *(port.target for port in service.ports)]
    added = [] if has_it else [f"127.0.0.1::{wanted}"]
    if any(port.host_ip not in LOOPBACK for port in service.ports):
        return {"ports": _Instead([*map(_on_loopback, service.ports), *added])}
    return {"ports": added} if added else {}


def _on_loopback(port: Port) -> dict[str, Any]:
    """Return an entry of `ports` that publishes a port as the file does, but on loopback only."""
    host_ip = port.host_ip if port.host_ip in LOOPBACK else LOOPBACK[0]
    published = {"published": port.published} if port.published else {}
    shown = {"target": port.target, "host_ip": host_ip, "protocol": port.protocol}
    return {**shown, "mode": port.mode, **published}


def _container(service: Service, run: str) -> dict[str, Any]:
    """Make a `container_name` unique to the run, and keep the original as an alias in networks."""
    if not (name := service.container_name):
        return {}
    networks = {network: {"aliases": [name]} for network in service.networks}
    return {"container_name": f"{run}-{name}", "networks": networks}
