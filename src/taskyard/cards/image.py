"""
An image of a card: a file in the folder of its card file, and an image by its content.

A package is made to be given away. So no address in a text, and no link of the file system, may
make another file of this machine a part of it.
"""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
_KINDS = (".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp")
_PIXELS = re.compile(r"\s*([0-9.]+)\s*(?:px)?\s*")
_PNG = b"\x89PNG\r\n\x1a\n"


def is_remote(address: str) -> bool:
    """Say whether an address names something other than a file by its path."""
    return _ADDRESS.match(address) is not None


def is_outside(folder: Path, address: str) -> bool:
    """Say whether a path leads out of a folder, by itself or through a link."""
    try:
        return not _resolved(folder, address).is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a name that no file can have, or a loop of links
        return False


@dataclass(frozen=True)
class Image:
    """One file that a card shows, or would show if it were an image."""

    path: Path

    @classmethod
    def find(cls, folder: Path, address: str) -> Image | None:
        """Return what a card file in a folder shows; None for a file of another kind or place."""
        try:
            path = _resolved(folder, address)
            is_here = path.is_file() and path.is_relative_to(folder.resolve())
        except (OSError, RuntimeError, ValueError):
            return None
        return cls(path) if is_here and path.suffix.lower() in _KINDS else None

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def kind(self) -> str:
        """What the name says that it is, such as `PNG`."""
        return self.path.suffix[1:].upper()

    @cached_property
    def content(self) -> bytes:
        """What the file holds."""
        return self.path.read_bytes()

    @property
    def is_sound(self) -> bool:
        """Whether it is an SVG or a PNG, as its name says."""
        return self.svg is not None or self._png_width is not None

    @cached_property
    def svg(self) -> ET.Element | None:
        """The root of an SVG; None where it is none, or declares entities of its own."""
        if self.kind != "SVG" or b"<!ENTITY" in self.content.replace(b"\0", b""):  # also in UTF-16
            return None
        try:
            root = ET.fromstring(self.content)
        except (ET.ParseError, ValueError, LookupError):
            return None
        return root if local(root.tag) == "svg" else None

    @property
    def elements(self) -> Iterator[ET.Element]:
        """Every element of an SVG."""
        return iter(()) if self.svg is None else self.svg.iter()

    @property
    def width(self) -> float | None:
        """Its width in pixels, where it says one."""
        return self._png_width if self.svg is None else _svg_width(self.svg)

    @property
    def _png_width(self) -> int | None:
        head = self.content[:24]
        if self.kind != "PNG" or not head.startswith(_PNG) or head[12:16] != b"IHDR":
            return None
        return int(struct.unpack(">I", head[16:20])[0]) if len(head) == 24 else None


def local(name: object) -> str:
    """Return the name of an element or attribute without its namespace."""
    return str(name).rpartition("}")[2]


def _resolved(folder: Path, address: str) -> Path:
    return (folder / unquote(address)).resolve()


def _svg_width(svg: ET.Element) -> float | None:
    found = _PIXELS.fullmatch(svg.get("width", ""))
    box = re.split(r"[\s,]+", svg.get("viewBox", "").strip())
    said = found[1] if found else box[2] if len(box) == 4 else ""
    try:
        return float(said)
    except ValueError:
        return None
