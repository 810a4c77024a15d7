"""How well one colour can be told from another."""

from __future__ import annotations


def contrast(first: str, second: str) -> float:
    """
    Return the contrast of two colours such as `#00ff7f`, from 1 to 21.

    Source: WCAG 2.2, relative luminance.
    """

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)
