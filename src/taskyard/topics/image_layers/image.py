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
"""The layer format's word for "gone": an empty file with this before its name hides that file."""
OPAQUE = f"{WHITEOUT}{WHITEOUT}.opq"
"""An empty file of this name hides all that lower layers have in its folder."""


def digest(content: bytes) -> str:
    """Return the digest by which content is named everywhere in an image."""
    return f"sha256:{sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Layer:
    """A tar file; `blob` is what is stored and counted."""

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
        Write files into a tar, always in the same way: sorted, owned by root, with one time.

        Args:
            files: Path to content, without a `/` at the front.
            removed: Paths of layers below that are gone from here on.
            modes: Permissions of those that are not 0644.
            mtime_s: The time of every file, in seconds since 1970.
        """
        contents = dict(files)
        for path in removed:
            # Docker lays a folder that is made again over the old one, unless it is opaque
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
        """What the tar holds, folders left out."""
        with tarfile.open(fileobj=io.BytesIO(self.blob)) as archive:
            members = [member for member in archive if member.isfile()]
            return {one.name: _read(archive, one) for one in members}


@dataclass(frozen=True)
class Image:
    """
    Layers, the lowest first, and what a container of them runs.

    Attributes:
        settings: The `config` of the configuration: `Cmd`, `Env`, `WorkingDir`, `User`, `Labels`.
    """

    layers: tuple[Layer, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    architecture: str = "amd64"

    @cached_property
    def config(self) -> bytes:
        """The configuration: settings, and the digests of all layers in order."""
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
        """The manifest: which blobs make the image."""
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
        """The digest of the manifest: the image's own."""
        return digest(self.manifest)

    @property
    def files(self) -> Mapping[str, bytes]:
        """The files that a container sees: each layer laid over those below it."""
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

        `manifest.json` is Docker's own older index: without it, `docker load` into the classic
        image store fails.

        Args:
            name: What the image is called, such as `shop:hand-made`.
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
        """Write the layout as a folder; return it."""
        for path, content in self.parts(name).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return folder

    def archive(self, path: Path, name: str) -> Path:
        """Write the layout as one tar file, as `docker load --input` takes it; return its path."""
        path.write_bytes(Layer.of(self.parts(name)).blob)
        return path


def _hidden(files: Iterable[str]) -> tuple[str, ...]:
    """
    Return what a layer hides of those below it: the beginnings of paths, each from `/` to `/`.

    A whiteout hides the file or folder that it names, an opaque one its whole folder, and a file
    what was a folder of its name.
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
    Sort a folder before what is in it, and whiteouts before what stands beside them.

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
