"""The order in which services start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from taskyard.compose.model import Service


def start_order(services: Mapping[str, Service]) -> list[Service]:
    """Return the services, each after those that it depends on."""

    def below(name: str, seen: set[str]) -> Iterator[Service]:
        if name in seen or name not in services:
            return
        seen.add(name)
        for dependency in services[name].depends_on:
            yield from below(dependency.service, seen)
        yield services[name]

    seen: set[str] = set()
    return [service for name in services for service in below(name, seen)]
