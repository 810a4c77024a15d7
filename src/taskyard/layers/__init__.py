"""Which instructions of a Dockerfile a second build reuses, and why: known without a build."""

from taskyard.layers.keys import Source
from taskyard.layers.plan import Step, plan
from taskyard.layers.what_if import listed, what_if

__all__ = ["Source", "Step", "listed", "plan", "what_if"]
