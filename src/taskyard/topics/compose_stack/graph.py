"""Draw a Compose project: which service waits for which, what is published, where data stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from taskyard.compose.model import Port, Project, Service

WAITS = {
    "service_started": "has started",
    "service_healthy": "is healthy",
    "service_completed_successfully": "has ended well",
}
LOOPBACK = ("127.0.0.1", "::1")


class Graph:
    """
    The services of a project as a graph.

    A notebook draws it; `str()` says the same in words, one line for each edge.
    """

    def __init__(self, project: Project) -> None:
        self._services = list(project.services.values())

    def __str__(self) -> str:
        return "\n".join(self._words())

    def _words(self) -> Iterator[str]:
        for service in self._services:
            yield service.name
            for needed in service.depends_on:
                yield f"  starts when {needed.service} {WAITS[needed.condition]}"
            for port in service.ports:
                yield f"  port {port.target} is published to {reach(port)}"
            for name, target in volumes(service).items():
                yield f"  keeps {target} in the volume {name}"

    def mermaid(self) -> str:
        """Return the graph in the language of Mermaid."""
        lines = ["flowchart LR"]
        for service in self._services:
            lines.append(f'  {service.name}["{service.name}<br>{service.image or "built here"}"]')
            for needed in service.depends_on:
                lines.append(
                    f"  {service.name} -->|{WAITS[needed.condition]}| {needed.service}",
                )
            for port in service.ports:
                lines.append(
                    f'  {service.name} ---|{port.target}| net_{service.name}(("{reach(port)}"))'
                )
            for name in volumes(service):
                lines.append(f'  {service.name} --- vol_{name}[("volume {name}")]')
        return "\n".join(lines)

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> Mapping[str, str]:
        return {"text/markdown": f"```mermaid\n{self.mermaid()}\n```", "text/plain": str(self)}


def reach(port: Port) -> str:
    """Return who can reach a published port."""
    return "this machine" if port.host_ip in LOOPBACK else "every network"


def volumes(service: Service) -> dict[str, str]:
    """Return the named volumes of a service, and where each is mounted."""
    return {str(m.source): m.target for m in service.volumes if m.type == "volume" and m.source}
