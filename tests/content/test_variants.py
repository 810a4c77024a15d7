"""Starter, solution and other answers are files that can be run."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from found import LABS, VARIANTS

from taskyard.course import Lab


@pytest.mark.parametrize(("lab", "variant"), VARIANTS)
def test_python_compiles(lab: Lab, variant: str) -> None:
    """A wrong answer does the wrong thing, and is no syntax error."""
    for relative, path in lab.files(variant).items():
        if relative.suffix == ".py":
            ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@pytest.mark.parametrize(("lab", "variant"), VARIANTS)
def test_the_compose_file_reads(lab: Lab, variant: str, tmp_path: Path) -> None:
    """The reader takes every key of the file."""
    from taskyard.compose import read

    folder = lab.assemble(variant, tmp_path / lab.slug)
    assert read(folder / "compose.yaml").services


@pytest.mark.parametrize("lab", LABS)
def test_the_runner_s_own_files_compile(lab: Lab) -> None:
    """Demo and check are Python."""
    for path in (lab.demo, lab.check):
        ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@pytest.mark.parametrize("lab", LABS)
def test_a_layer_holds_only_what_differs(lab: Lab) -> None:
    """A file that equals the one in the layer below hides the point of its own layer."""
    layers = [("solution", lab.solution, lab.files("starter"))]
    for kind, answers in (("right", lab.right), ("wrong", lab.wrong)):
        layers += [(name, lab.folder / kind / name, lab.files("solution")) for name in answers]
    same = [
        f"{name}/{relative}"
        for name, layer, below in layers
        for path in layer.rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and (relative := path.relative_to(layer)) in below
        and below[relative].read_bytes() == path.read_bytes()
    ]
    assert not same, f"{lab.folder}: these differ from nothing, remove them: {', '.join(same)}"
