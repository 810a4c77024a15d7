"""Check that the names that services use exist, and that no service waits for itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

from taskyard.compose.model import Service
from taskyard.compose.shapes import Shapes


def check_references(
    services: Mapping[str, Service], declared: Mapping[str, Collection[str]], shapes: Shapes
) -> None:
    """
    Report each name that does not exist, and each circle of dependencies.

    Args:
        declared: The names of the top-level `networks`, `volumes`, `secrets` and `configs`.
    """
    for service in services.values():
        linked = {link.partition(":")[0] for link in service.links}
        for name in (dependency.service for dependency in service.depends_on):
            if name in services:
                continue
            key = "links" if name in linked else "depends_on"
            verb = "links to" if key == "links" else "depends on"
            what = f"service `{service.name}` {verb} `{name}`, which does not exist"
            hint = _hint(name, services, f"add a service `{name}`, or remove it from `{key}`")
            shapes.fault(what, service.lines.get(key, service.line), hint)
        for kind, names in _used(service).items():
            known = {*declared[kind], "default"} if kind == "networks" else declared[kind]
            for name in names:
                if name in known:
                    continue
                one = kind.removesuffix("s")
                what = f"service `{service.name}` uses the {one} `{name}`, which is not declared"
                new = f"add `{name}:` under a top-level `{kind}:`"
                if kind == "volumes":
                    new += f", or write `./{name}` for a folder"
                line = service.lines.get(kind, service.line)
                shapes.fault(what, line, _hint(name, known, new))
    for circle in _circles(services):
        first = services[circle[0]]
        path = " -> ".join(f"`{name}`" for name in (*circle, circle[0]))
        what = f"services wait for each other: {path}"
        if len(circle) == 1:
            what = f"service `{first.name}` depends on itself"
        line = first.lines.get("depends_on", first.lines.get("links", first.line))
        shapes.fault(what, line, "remove one of these from `depends_on` or `links`")


def _used(service: Service) -> dict[str, Iterable[str]]:
    return {
        "networks": service.networks,
        "volumes": [
            mount.source for mount in service.volumes if mount.type == "volume" and mount.source
        ],
        "secrets": service.secrets,
        "configs": service.configs,
    }


def _hint(name: str, known: Iterable[str], otherwise: str) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"did you mean `{close[0]}`?" if close else otherwise


def _circles(services: Mapping[str, Service]) -> list[tuple[str, ...]]:
    """Return the circles of dependencies, each as the names on it, in order."""
    circles: list[tuple[str, ...]] = []
    done: set[str] = set()
    for start in services:
        # Depth first, without recursion: a chain may be longer than Python's stack is deep.
        path: list[str] = []
        pending = [(start, 0)]
        while pending:
            name, depth = pending.pop()
            del path[depth:]
            if name in path:
                circles.append(tuple(path[path.index(name) :]))
                continue
            if name in done or name not in services:
                continue
            path.append(name)
            done.add(name)
            for dependency in reversed(services[name].depends_on):
                pending.append((dependency.service, depth + 1))
    return circles
