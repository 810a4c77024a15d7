"""Images made by hand: what is stable in them, what a change touches, and that Docker runs them."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from taskyard.engine.remains import PROJECT_LABEL
from taskyard.topics.image_layers.builder import Builder
from taskyard.topics.image_layers.image import OPAQUE, Image, Layer, digest
from taskyard.topics.image_layers.program import show_file

PROGRAM = Layer.of({"bin/show": show_file("/app/greeting")}, modes={"bin/show": 0o755})


def image(greeting: str, **settings: object) -> Image:
    code = Layer.of({"app/greeting": greeting.encode()})
    return Image((PROGRAM, code), {"Cmd": ["/bin/show"], **settings})


def test_the_same_files_make_the_same_image() -> None:
    """Neither the order of the files nor the time matters."""
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


def layer(*files: str, removed: Sequence[str] = ()) -> Layer:
    return Layer.of(dict.fromkeys(files, b""), removed=removed)


STACKS = {
    "a folder goes with what is in it, and its neighbours stay": (
        [layer("a/b/c", "a/bc"), layer(removed=["a/b"])],
        ["a/bc"],
    ),
    "a folder of the same name elsewhere stays": (
        [layer("app/y", "srv/app/x", "myapp/z"), layer(removed=["app"])],
        ["myapp/z", "srv/app/x"],
    ),
    "a folder is removed and made again in one layer": (
        [layer(".venv/old", "a/b"), layer(".venv/new", removed=[".venv"])],
        [".venv/new", "a/b"],
    ),
    "an opaque folder hides what is below it, and not what it brings": (
        [layer("app/old", "app/deep/old", "application"), layer("app/new", f"app/{OPAQUE}")],
        ["app/new", "application"],
    ),
    "what was removed may come back": (
        [layer("app/x", "app/y"), layer(removed=["app"]), layer("app/x")],
        ["app/x"],
    ),
    "a file in the place of a folder": (
        [layer("app/x", "apple"), layer("app")],
        ["app", "apple"],
    ),
    "a folder in the place of a file": (
        [layer("app", "app-2"), layer("app/x")],
        ["app-2", "app/x"],
    ),
}


@pytest.mark.parametrize(("layers", "seen"), STACKS.values(), ids=STACKS)
def test_a_container_sees(layers: list[Layer], seen: list[str]) -> None:
    """Each layer lies over those below it, and hides what it removes of them alone."""
    assert seen == list(Image(tuple(layers)).files)


@pytest.mark.docker
@pytest.mark.parametrize("layers", [stack for stack, _ in STACKS.values()], ids=STACKS)
def test_a_container_of_docker_sees_the_same(layers: list[Layer], tmp_path: Path) -> None:
    """Docker lays the layers over each other; the container is made and never started."""
    project = f"taskyard-hand-made-{secrets.token_hex(3)}"
    made = Image(tuple(layers), {"Cmd": ["/none"], "Labels": {PROJECT_LABEL: project}})
    with Builder(project) as builder:
        builder.run("load", f"--input={made.archive(tmp_path / 'image.tar', f'{project}:1')}")
        label = f"--label={PROJECT_LABEL}={project}"
        empty = Image((Layer.of({}),), made.settings)
        builder.run("load", f"--input={empty.archive(tmp_path / 'empty.tar', f'{project}:2')}")
        files = []
        for number in (1, 2):
            container = builder.run("create", label, f"{project}:{number}").strip()
            path = tmp_path / f"files-{number}.tar"
            builder.run("export", f"--output={path}", container)
            files.append(set(Layer(path.read_bytes()).files))
    # every container has some of Docker's own: /etc/hosts and the like
    assert list(made.files) == sorted(files[0] - files[1])


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
