"""
Make a container image without Docker: layers, a configuration, a manifest, and their digests.

Source: OCI image specification, `image-layout.md`, `manifest.md`, `config.md`, `layer.md`.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
WHITEOUT = ".wh."
"""An empty file whose name begins with this hides the file with the rest of the name below it."""
OPAQUE = f"{WHITEOUT}{WHITEOUT}.opq"
"""An empty file of this name hides everything that lower layers have in its folder."""


def digest(content: bytes) -> str:
    """Return the digest that names a piece of content everywhere in an image."""
    return f"sha256:{sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Layer:
    """A layer: `blob` is an uncompressed tar file."""

    blob: bytes

    @classmethod
    def of(
        cls,
        files: Mapping[str, bytes],
        *,
        removed: Sequence[str] = (),
        modes: Mapping[str, int] | None = None,
        mtime_s: int = 0,
    ) -> Layer:
        """
        Write a layer whose bytes depend on the arguments alone: sorted, owned by root, one time.

        Args:
            files: Path to content; the path has no `/` at its start.
            removed: Paths in lower layers that this layer removes.
            modes: The permissions of files that are not 0644.
            mtime_s: The time of every file, in seconds since 1970.
        """
        contents = dict(files)
        for path in removed:
            # A folder that is made again would be merged with the old one, unless it is opaque
            is_made_again = any(new.startswith(f"{path}/") for new in files)
            place, slash, name = path.rpartition("/")
            hiding = f"{place}{slash}{WHITEOUT}{name}"
            contents[f"{path}/{OPAQUE}" if is_made_again else hiding] = b""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            folders = {str(one) for path in contents for one in Path(path).parents} - {"."}
            for path in sorted(folders | contents.keys(), key=_order):
                entry = tarfile.TarInfo(path)
                entry.mtime = mtime_s
                if path in folders:
                    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                    archive.addfile(entry)
                else:
                    entry.size, entry.mode = len(contents[path]), (modes or {}).get(path, 0o644)
                    archive.addfile(entry, io.BytesIO(contents[path]))
        return cls(buffer.getvalue())

    @cached_property
    def digest(self) -> str:
        return digest(self.blob)

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        """The files of the tar, without folders: path to content."""
        with tarfile.open(fileobj=io.BytesIO(self.blob)) as archive:
            members = [member for member in archive if member.isfile()]
            return {one.name: _read(archive, one) for one in members}


@dataclass(frozen=True)
class Image:
    """
    An image.

    Attributes:
        layers: The layers, the lowest first.
        settings: The `config` of the configuration: `Cmd`, `Env`, `WorkingDir`, `User`, `Labels`.
    """

    layers: tuple[Layer, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    architecture: str = "amd64"

    @cached_property
    def config(self) -> bytes:
        """The configuration: the settings, and the digests of the layers in order."""
        return _json(
            {
                "architecture": self.architecture,
                "os": "linux",
                "config": dict(self.settings),
                "rootfs": {"type": "layers", "diff_ids": [one.digest for one in self.layers]},
            }
        )

    @cached_property
    def manifest(self) -> bytes:
        """The manifest, which lists the blobs of the image."""
        return _json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": _described(CONFIG, self.config),
                "layers": [_described(LAYER, one.blob) for one in self.layers],
            }
        )

    @property
    def digest(self) -> str:
        """The image's digest, which is that of its manifest."""
        return digest(self.manifest)

    @property
    def files(self) -> Mapping[str, bytes]:
        """The files that a container sees, each layer laid over those below it."""
        seen: dict[str, bytes] = {}
        for layer in self.layers:
            hidden = _hidden(layer.files)
            new = {p: c for p, c in layer.files.items() if not _name(p).startswith(WHITEOUT)}
            folders = {str(parent) for path in new for parent in Path(path).parents}
            kept = {
                path: content
                for path, content in seen.items()
                if path not in folders and not f"/{path}/".startswith(hidden)
            }
            seen = kept | new
        return dict(sorted(seen.items()))

    def parts(self, name: str) -> dict[str, bytes]:
        """
        Return the files of an OCI image layout: path to content.

        `manifest.json` is Docker's older index, which `docker load` needs for the classic image
        store.

        Args:
            name: The image's name, such as `shop:hand-made`.
        """
        blobs = (*(layer.blob for layer in self.layers), self.config, self.manifest)
        named = {**_described(MANIFEST, self.manifest)}
        named["annotations"] = {
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": name.partition(":")[2] or "latest",
        }
        old = {
            "Config": _place(self.config),
            "RepoTags": [name],
            "Layers": [_place(layer.blob) for layer in self.layers],
        }
        return {
            "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
            "index.json": _json({"schemaVersion": 2, "manifests": [named]}),
            "manifest.json": _json([old]),
            **{_place(blob): blob for blob in blobs},
        }

    def save(self, folder: Path, name: str) -> Path:
        """Write the layout into a folder, and return the folder."""
        for path, content in self.parts(name).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return folder

    def archive(self, path: Path, name: str) -> Path:
        """Write the layout as a tar file for `docker load --input`, and return its path."""
        path.write_bytes(Layer.of(self.parts(name)).blob)
        return path


def _hidden(files: Iterable[str]) -> tuple[str, ...]:
    """
    Return the beginnings of the paths that a layer hides, each with a `/` at both ends.

    A whiteout hides the file or folder that it names, an opaque whiteout hides everything in its
    folder, and a file hides a folder of the same name.
    """
    found = []
    for path in files:
        name = _name(path)
        parent = f"/{path.removesuffix(name)}"
        if name == OPAQUE:
            found.append(parent)
        else:
            found.append(f"{parent}{name.removeprefix(WHITEOUT)}/")
    return tuple(found)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _order(path: str) -> list[tuple[bool, str]]:
    """
    Return a sort key that puts a folder before its contents, and whiteouts before their siblings.

    Source: OCI image specification, `layer.md`, "Whiteouts".
    """
    return [(not part.startswith(WHITEOUT), part) for part in path.split("/")]


def _described(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def _place(content: bytes) -> str:
    return "blobs/" + digest(content).replace(":", "/")


def _json(content: object) -> bytes:
    return json.dumps(content, indent=1, sort_keys=True).encode()


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()
