"""Images made by hand: what is stable in them, what a change touches, and that Docker runs them."""

from __future__ import annotations

import json
import secrets
import subprocess
from pathlib import Path

import pytest

from taskyard.engine.remains import PROJECT_LABEL
from taskyard.topics.image_layers.builder import Builder
from taskyard.topics.image_layers.image import Image, Layer, digest
from taskyard.topics.image_layers.program import show_file

PROGRAM = Layer.of({"bin/show": show_file("/app/greeting")}, modes={"bin/show": 0o755})


def image(greeting: str, **settings: object) -> Image:
    code = Layer.of({"app/greeting": greeting.encode()})
    return Image((PROGRAM, code), {"Cmd": ["/bin/show"], **settings})


def test_the_same_files_make_the_same_image() -> None:
    """Neither the order of the files nor the time of the day is in it."""
    one = Layer.of({"a": b"1", "b/c": b"2"})
    other = Layer.of({"b/c": b"2", "a": b"1"})
    assert one.digest == other.digest
    assert image("hello").digest == image("hello").digest


def test_a_changed_file_changes_its_layer_and_what_names_it() -> None:
    """The other layer's digest stays; what names all layers changes."""
    old, new = image("hello"), image("good morning")
    assert old.layers[0].digest == new.layers[0].digest
    assert old.layers[1].digest != new.layers[1].digest
    assert digest(old.config) != digest(new.config)
    assert old.digest != new.digest


def test_a_setting_changes_no_layer() -> None:
    """A label is in the configuration alone."""
    old, new = image("hello"), image("hello", Labels={"revision": "2"})
    assert [one.digest for one in old.layers] == [one.digest for one in new.layers]
    assert old.digest != new.digest


def test_a_removed_file_stays_in_its_layer() -> None:
    """A whiteout hides a file and frees nothing."""
    secret = Layer.of({"app/.env": b"KEY=1", "app/shop.py": b""})
    both = Image((secret, Layer.of({}, removed=["app/.env"])))
    assert ["app/shop.py"] == list(both.files)
    assert b"KEY=1" in both.layers[0].blob


def test_a_removed_folder_takes_what_is_in_it() -> None:
    """One whiteout hides a folder and all below it, and not its neighbours."""
    below = Layer.of({"a/b/c": b"", "a/bc": b""})
    assert ["a/bc"] == list(Image((below, Layer.of({}, removed=["a/b"]))).files)


def test_a_removed_folder_leaves_what_only_ends_like_it() -> None:
    """A folder of the same name elsewhere stays, as does one whose name ends the same way."""
    below = Layer.of({"app/y": b"", "srv/app/x": b"", "myapp/z": b""})
    assert ["myapp/z", "srv/app/x"] == list(Image((below, Layer.of({}, removed=["app"]))).files)


def test_every_blob_has_the_name_of_its_content(tmp_path: Path) -> None:
    """The layout is one that any tool can check."""
    image("hello").save(tmp_path, "shop:hand-made")
    blobs = sorted((tmp_path / "blobs" / "sha256").iterdir())
    assert 4 == len(blobs)
    assert [digest(blob.read_bytes()) for blob in blobs] == [f"sha256:{b.name}" for b in blobs]
    (named,) = json.loads((tmp_path / "index.json").read_text())["manifests"]
    assert image("hello").digest == named["digest"]


@pytest.mark.docker
def test_docker_loads_and_runs_it(tmp_path: Path) -> None:
    """A program of two hundred bytes prints a file of the layer above it."""
    told = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Arch}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    if told.stdout.strip() != "amd64":
        pytest.skip("the program in the image is for amd64")
    project = f"taskyard-hand-made-{secrets.token_hex(3)}"
    made = image("made by hand\n", Labels={PROJECT_LABEL: project})
    with Builder(project) as builder:
        builder.run("load", f"--input={made.archive(tmp_path / 'image.tar', f'{project}:1')}")
        assert "made by hand\n" == builder.output(f"{project}:1", options=["--network=none"])
        loaded = builder.run("inspect", "--format={{json .RootFS.Layers}}", f"{project}:1")
        assert [layer.digest for layer in made.layers] == json.loads(loaded)
