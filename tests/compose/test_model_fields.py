"""Every field of the Compose model has something that reads it."""

from __future__ import annotations

import ast
import dataclasses

import pytest

from taskyard.compose import model
from taskyard.files import ROOT

READERS = {
    "engine/local.py": """
        Dependency.condition Dependency.service Healthcheck.disable Healthcheck.interval_s
        Healthcheck.retries Healthcheck.start_interval_s Healthcheck.start_period_s
        Healthcheck.test Healthcheck.timeout_s Mount.source Project.path Project.services
        Restart.max_retries Restart.policy Service.command Service.depends_on Service.entrypoint
        Service.environment Service.healthcheck Service.line Service.name Service.profiles
        Service.replicas Service.restart Service.stop_grace_s Service.stop_signal
    """,
    "engine/limits.py": """
        Dependency.required Dependency.restart Mount.read_only Port.mode Port.protocol
        Project.networks Resources.cpus Resources.memory_bytes Service.build Service.limits
        Service.links Service.networks Service.reservations Service.user
    """,
    "engine/places.py": """
        Mount.target Mount.type Service.configs Service.image Service.lines Service.secrets
        Service.volumes Service.working_dir
    """,
    "engine/ports.py": "Port.published Port.target Service.ports",
    "engine/override.py": "Port.host_ip",
    "engine/container_names.py": "Service.container_name",
    "engine/remains.py": "Project.volumes",
    "compose/reader.py": "Project.name",  # to fill in `COMPOSE_PROJECT_NAME`
    "learner/runner.py": "Project.warnings",
}
"""Which module reads a field; a field that stands in none is to be removed from the model."""

FIELDS = sorted(
    f"{one.__name__}.{field.name}"
    for one in vars(model).values()
    if isinstance(one, type) and dataclasses.is_dataclass(one)
    for field in dataclasses.fields(one)
)


def test_each_field_has_one_place_in_the_table() -> None:
    """A new field fails here until its reader is written down."""
    assert sorted(" ".join(READERS.values()).split()) == FIELDS


@pytest.mark.parametrize("module", READERS)
def test_a_module_reads_the_fields_that_it_is_named_for(module: str) -> None:
    """It reads them as attributes, or by name with `getattr`."""
    tree = ast.parse((ROOT / "src" / "taskyard" / module).read_text(encoding="utf-8"))
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    read |= {str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    unread = [name for name in READERS[module].split() if name.partition(".")[2] not in read]
    assert unread == []
