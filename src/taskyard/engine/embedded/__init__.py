"""The servers that stand for images where there is no Docker, one module for each."""

from __future__ import annotations

from taskyard.compose.model import Service
from taskyard.engine.embedded import postgres, redis

__all__ = ["is_embedded", "postgres", "redis"]


def is_embedded(service: Service) -> bool:
    """Tell whether an embedded server stands for a service's image."""
    return redis.stands_for(service) or postgres.stands_for(service)
