"""A graph says what the file says, in words and as a picture."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from taskyard.compose import read
from taskyard.course import Course
from taskyard.topics.compose_stack.graph import Graph

SHOP = """
services:
  api:
    image: api
    ports: ["127.0.0.1::8000", "9000"]
    depends_on:
      db: {condition: service_healthy}
      setup: {condition: service_completed_successfully}
  setup: {build: ., depends_on: [db]}
  db:
    image: db
    volumes: ["data:/data", ".:/lab"]
    healthcheck: {test: ["CMD", "true"]}
volumes:
  data:
"""
WORDS = """\
api
  starts when db is healthy
  starts when setup has ended well
  port 8000 is published to this machine
  port 9000 is published to every network
setup
  starts when db has started
db
  keeps /data in the volume data"""


def graph(folder: Path) -> Graph:
    (folder / "compose.yaml").write_text(SHOP)
    return Graph(read(folder / "compose.yaml", {}))


def test_a_graph_in_words(tmp_path: Path) -> None:
    """One line for each service, and one for each of its edges."""
    assert WORDS == str(graph(tmp_path))


def test_a_notebook_shows_the_picture_and_has_the_words(tmp_path: Path) -> None:
    """Where Mermaid is not drawn, the words say the same."""
    shown = graph(tmp_path)._repr_mimebundle_()
    assert WORDS == shown["text/plain"]
    assert shown["text/markdown"].startswith("```mermaid\nflowchart LR\n")
    assert "  api -->|is healthy| db\n" in shown["text/markdown"]
    assert '  setup["setup<br>built here"]\n' in shown["text/markdown"]


@pytest.mark.docker
@pytest.mark.parametrize("variant", ["starter", "solution"])
def test_the_edges_are_those_of_compose(variant: str, tmp_path: Path) -> None:
    """`docker compose config` names the same conditions for the chapter's stack."""
    folder = Course.discover().lab("compose-stack").assemble(variant, tmp_path)
    command = ["docker", "compose", "config", "--format=json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    waits = json.loads(done.stdout)["services"]["api"]["depends_on"]
    words = {"service_started": "has started", "service_healthy": "is healthy"}
    drawn = Graph(read(folder / "compose.yaml")).mermaid()
    for name, wait in waits.items():
        assert f"api -->|{words[wait['condition']]}| {name}\n" in drawn
    assert drawn.count("-->") == len(waits)
