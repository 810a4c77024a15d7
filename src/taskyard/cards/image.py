"""
An image on a card: a file in the card file's own folder whose content is an image.

A package is made to be given away. So neither an address in the text nor a symbolic link may bring
any other file of this machine into it.
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
    """Tell whether an address is something other than the path of a file."""
    return _ADDRESS.match(address) is not None


def is_outside(folder: Path, address: str) -> bool:
    """Tell whether a path leads out of a folder, by itself or through a symbolic link."""
    try:
        return not _resolved(folder, address).is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # an impossible name, or a loop of links
        return False


@dataclass(frozen=True)
class Image:
    """A file that a card refers to as an image."""

    path: Path

    @classmethod
    def find(cls, folder: Path, address: str) -> Image | None:
        """Return the image at an address; None if it is missing, outside, or of another kind."""
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
        """The format that the name claims, such as `PNG`."""
        return self.path.suffix[1:].upper()

    @cached_property
    def content(self) -> bytes:
        """The bytes of the file."""
        return self.path.read_bytes()

    @property
    def is_sound(self) -> bool:
        """Whether its name says that it is an SVG or a PNG, and its content agrees."""
        return self.svg is not None or self._png_width is not None

    @cached_property
    def svg(self) -> ET.Element | None:
        """The root element of an SVG; None if the file is not an SVG, or declares entities."""
        if self.kind != "SVG" or b"<!ENTITY" in self.content.replace(b"\0", b""):  # also in UTF-16
            return None
        try:
            root = ET.fromstring(self.content)
        except (ET.ParseError, ValueError, LookupError):
            return None
        return root if local(root.tag) == "svg" else None

    @property
    def elements(self) -> Iterator[ET.Element]:
        """The elements of an SVG; empty for any other file."""
        return iter(()) if self.svg is None else self.svg.iter()

    @property
    def width(self) -> float | None:
        """The width in pixels, if the file gives one."""
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
