"""Which instructions of a Dockerfile a second build reuses, and why: known without a build."""

from taskyard.layers.plan import Source, Step, plan

__all__ = ["Source", "Step", "plan"]
