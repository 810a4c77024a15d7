"""Predict, without a build, which instructions of a Dockerfile a second build reuses, and why."""

from taskyard.topics.image_layers.keys import Source
from taskyard.topics.image_layers.plan import Step, plan
from taskyard.topics.image_layers.what_if import listed, what_if

__all__ = ["Source", "Step", "listed", "plan", "what_if"]
