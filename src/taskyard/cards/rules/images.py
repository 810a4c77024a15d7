"""Images: in the deck, readable on a phone, and told in words."""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from taskyard.cards.rules.reading import Card
from taskyard.cards.rules.rule import Said, of_card
from taskyard.cards.rules.text import Place

MAX_BYTES = 200_000
MAX_WIDTH = 800

_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
_PIXELS = re.compile(r"\s*([0-9.]+)\s*(?:px)?\s*")
_ELSEWHERE = re.compile(r"""(?:url\(\s*|@import\s+)['"]?(?!\s*['"]?(?:#|data:))([^'")\s;]+)""")
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class _Image:
    """One use of an image whose file is there."""

    path: Path
    place: Place

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def kind(self) -> str:
        return self.path.suffix.lower()


@of_card
def no_alt_text(card: Card) -> Iterator[Said]:
    """An image says in words what it shows, to who does not see it and where it does not load."""
    for text in card.texts.values():
        for token, place in text.images:
            if not token.content.strip():
                what = f"the image `{token.attrs['src']}` has no alternative text"
                cure = "write what it shows: `![a worker takes a message](queue.svg)`"
                yield Said(what, place, cure, "error")


@of_card
def remote_image(card: Card) -> Iterator[Said]:
    """An image from elsewhere is not in the deck, so a learner without a network misses it."""
    for text in card.texts.values():
        for token, place in text.images:
            source = str(token.attrs["src"])
            if _SCHEME.match(source):
                short = source if len(source) <= 60 else f"{source[:59]}…"
                what = f"the image `{short}` is no file beside the cards, so the deck lacks it"
                yield Said(what, place, "save it in the folder of the cards", "error", is_loss=True)


@of_card
def image_format(card: Card) -> Iterator[Said]:
    """A diagram is an SVG, a screenshot a PNG."""
    for image in _images(card):
        if image.kind not in (".svg", ".png"):
            what = f"`{image.name}` is neither SVG nor PNG"
            yield Said(what, image.place, "save it as one of them", "error")


@of_card
def large_image(card: Card) -> Iterator[Said]:
    """A deck is loaded over a phone's network."""
    for image in _images(card):
        size = image.path.stat().st_size
        if size > MAX_BYTES:
            what = f"`{image.name}` has {size:,} bytes, over {MAX_BYTES:,}"
            yield Said(what, image.place, "save it smaller, or draw it as an SVG", "error")


@of_card
def wide_image(card: Card) -> Iterator[Said]:
    """What is wider than a card is scaled down until its text cannot be read."""
    for image in _images(card):
        svg = _svg(image)
        width = _png_width(image) if svg is None else _svg_width(svg)
        if width and width > MAX_WIDTH:
            what = f"`{image.name}` is {width:,.0f} pixels wide, over {MAX_WIDTH}"
            yield Said(what, image.place, "draw or cut it narrower", "error")


@of_card
def broken_image(card: Card) -> Iterator[Said]:
    """A file that is not what its name says is shown as nothing."""
    for image in _images(card):
        kind = image.kind[1:].upper()
        is_broken = (image.kind == ".png" and _png_width(image) is None) or (
            image.kind == ".svg" and _svg(image) is None
        )
        if is_broken:
            what = f"`{image.name}` is no {kind}, so nothing would be shown"
            yield Said(what, image.place, f"save it again as {kind}", "error", is_loss=True)


@of_card
def no_view_box(card: Card) -> Iterator[Said]:
    """Without a `viewBox` an SVG is cut off where it should be scaled."""
    for image in _images(card):
        svg = _svg(image)
        if svg is not None and "viewBox" not in svg.attrib:
            what = f"`{image.name}` has no `viewBox`"
            width, height = (svg.get(name, "…") for name in ("width", "height"))
            cure = f'add `viewBox="0 0 {width} {height}"` to its `<svg>`'
            yield Said(what, image.place, cure, "error")


@of_card
def script_in_image(card: Card) -> Iterator[Said]:
    """Anki runs no script of an image, and a deck should ask for none."""
    for image in _images(card):
        for element in _elements(image):
            name = _local(element.tag)
            found = next((one for one in element.attrib if _local(one).startswith("on")), None)
            if name == "script" or found:
                what = f"`{image.name}` holds a script: `{found or '<script>'}`"
                yield Said(what, image.place, "save it without", "error", is_loss=True)
                break


@of_card
def reference_in_image(card: Card) -> Iterator[Said]:
    """What an SVG takes from another address is not shown on a card."""
    for image in _images(card):
        for address in _addresses(image):
            what = f"`{image.name}` takes `{address}` from elsewhere, and Anki would not show it"
            yield Said(
                what, image.place, "save it with all that it shows inside", "error", is_loss=True
            )
            break


def _images(card: Card) -> Iterator[_Image]:
    for text in card.texts.values():
        for token, place in text.images:
            source = str(token.attrs["src"])
            path = place.path.parent / unquote(source)
            if not _SCHEME.match(source) and path.is_file():  # the grammar reports a missing one
                yield _Image(path, place)


def _png_width(image: _Image) -> int | None:
    if image.kind != ".png":
        return None
    with image.path.open("rb") as file:
        head = file.read(24)
    if len(head) < 24 or not head.startswith(_PNG) or head[12:16] != b"IHDR":
        return None
    return int(struct.unpack(">I", head[16:20])[0])


def _svg(image: _Image) -> ET.Element | None:
    """Return the root of an SVG; None where it is none, or declares entities of its own."""
    if image.kind != ".svg":
        return None
    data = image.path.read_bytes()
    if b"<!ENTITY" in data:
        return None
    try:
        root = ET.fromstring(data)
    except (ET.ParseError, ValueError, LookupError):
        return None
    return root if _local(root.tag) == "svg" else None


def _svg_width(svg: ET.Element) -> float | None:
    found = _PIXELS.fullmatch(svg.get("width", ""))
    box = re.split(r"[\s,]+", svg.get("viewBox", "").strip())
    said = found[1] if found else box[2] if len(box) == 4 else ""
    try:
        return float(said)
    except ValueError:
        return None


def _elements(image: _Image) -> Iterator[ET.Element]:
    svg = _svg(image)
    yield from () if svg is None else svg.iter()


def _addresses(image: _Image) -> Iterator[str]:
    for element in _elements(image):
        is_link = _local(element.tag) == "a"  # leads away when it is followed, and loads nothing
        for name, value in element.attrib.items():
            is_address = _local(name) in ("href", "src") and not is_link
            if is_address and value and not value.startswith(("#", "data:")):
                yield value
            if found := _ELSEWHERE.search(value):
                yield found[1]
        if _local(element.tag) == "style" and (found := _ELSEWHERE.search(element.text or "")):
            yield found[1]


def _local(name: object) -> str:
    return str(name).rpartition("}")[2]
