"""Rules about images: in the deck, readable on a phone, and described in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from taskyard.cards.image import Image, is_remote, local
from taskyard.cards.rules.reading import Card
from taskyard.cards.rules.rule import Said, of_card, of_loss
from taskyard.cards.rules.text import Place

MAX_BYTES = 200_000
MAX_WIDTH = 800

_ELSEWHERE = re.compile(r"""(?:url\(\s*|@import\s+)['"]?(?!\s*['"]?(?:#|data:))([^'")\s;]+)""")


@of_card
def no_alt_text(card: Card) -> Iterator[Said]:
    """An image has a text for learners who cannot see it, and for times when it does not load."""
    for text in card.texts.values():
        for token, place in text.images:
            if not token.content.strip():
                what = f"the image `{token.attrs['src']}` has no alternative text"
                cure = "write what it shows: `![a worker takes a message](queue.svg)`"
                yield Said(what, place, cure, "error")


@of_loss
@of_card
def remote_image(card: Card) -> Iterator[Said]:
    """An image is a file in the deck, because a learner may have no network."""
    for text in card.texts.values():
        for token, place in text.images:
            source = str(token.attrs["src"])
            if is_remote(source):
                short = source if len(source) <= 60 else f"{source[:59]}…"
                what = f"the image `{short}` is not a file beside the cards, so the deck lacks it"
                yield Said(what, place, "save it in the folder of the cards", "error")


@of_loss
@of_card
def image_format(card: Card) -> Iterator[Said]:
    """A diagram is an SVG, and a screenshot is a PNG."""
    for image, place in _images(card):
        if image.kind not in ("SVG", "PNG"):
            what = f"`{image.name}` is neither SVG nor PNG"
            yield Said(what, place, "save it as one of them", "error")


@of_card
def large_image(card: Card) -> Iterator[Said]:
    """An image is small, because a deck may be downloaded over a phone's network."""
    for image, place in _images(card):
        size = len(image.content)
        if size > MAX_BYTES:
            what = f"`{image.name}` has {size:,} bytes, over {MAX_BYTES:,}"
            yield Said(what, place, "save it smaller, or draw it as an SVG", "error")


@of_card
def wide_image(card: Card) -> Iterator[Said]:
    """An image is not much wider than a card, because text in it becomes too small to read."""
    for image, place in _images(card):
        if image.width and image.width > MAX_WIDTH:
            what = f"`{image.name}` is {image.width:,.0f} pixels wide, over {MAX_WIDTH}"
            yield Said(what, place, "draw or cut it narrower", "error")


@of_loss
@of_card
def broken_image(card: Card) -> Iterator[Said]:
    """An image is what its name says; otherwise it is not shown at all."""
    for image, place in _images(card):
        if image.kind in ("SVG", "PNG") and not image.is_sound:
            what = (
                f"`{image.name}` is not an image of the kind {image.kind}, and would not be shown"
            )
            yield Said(what, place, f"save it again as {image.kind}", "error")


@of_card
def no_view_box(card: Card) -> Iterator[Said]:
    """An SVG has a `viewBox`; without one, it is cut off instead of scaled."""
    for image, place in _images(card):
        svg = image.svg
        if svg is not None and "viewBox" not in svg.attrib:
            what = f"`{image.name}` has no `viewBox`"
            width, height = (svg.get(name, "…") for name in ("width", "height"))
            cure = f'add `viewBox="0 0 {width} {height}"` to its `<svg>`'
            yield Said(what, place, cure, "error")


@of_loss
@of_card
def script_in_image(card: Card) -> Iterator[Said]:
    """An image contains no script, which Anki would not run."""
    for image, place in _images(card):
        for element in image.elements:
            name = local(element.tag)
            found = next((local(one) for one, said in element.items() if _runs(one, said)), None)
            if name.lower() == "script" or found:
                what = f"`{image.name}` holds a script: `{found or '<script>'}`"
                yield Said(what, place, "save it without", "error")
                break


@of_loss
@of_card
def reference_in_image(card: Card) -> Iterator[Said]:
    """An SVG loads nothing from another address, which a card would not show."""
    for image, place in _images(card):
        for address in _addresses(image):
            what = f"`{image.name}` loads `{address}` from elsewhere, which Anki would not show"
            yield Said(what, place, "save it with everything that it shows inside", "error")
            break


def _images(card: Card) -> Iterator[tuple[Image, Place]]:
    for text in card.texts.values():
        for token, place in text.images:
            source = str(token.attrs["src"])
            image = None if is_remote(source) else Image.find(place.path.parent, source)
            if image:  # the grammar reports images that are missing or outside the folder
                yield image, place


def _runs(name: str, value: str) -> bool:
    """Tell whether an attribute holds a script: an event handler, or a `javascript:` address."""
    address = re.sub(r"[\x00-\x20]", "", value).lower()  # as a browser reads it
    return local(name).lower().startswith("on") or address.startswith("javascript:")


def _addresses(image: Image) -> Iterator[str]:
    for element in image.elements:
        is_link = local(element.tag) == "a"  # it loads nothing until it is followed
        for name, value in element.attrib.items():
            is_address = local(name) in ("href", "src") and not is_link
            if is_address and value and not value.startswith(("#", "data:")):
                yield value
            if found := _ELSEWHERE.search(value):
                yield found[1]
        if local(element.tag) == "style" and (found := _ELSEWHERE.search(element.text or "")):
            yield found[1]
