"""Durations and sizes in Compose's notation, such as `1m30s` and `512M`."""

from __future__ import annotations

import re

from taskyard.compose.mistake import Mistake

_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,  # the micro sign
    "μs": 1e-6,  # the Greek letter; both are in use
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)([a-zµμ]*)")
_BYTES = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def seconds(text: str) -> float:
    """
    Return a duration in seconds.

    Raises:
        Mistake: The text is not a duration, or is negative.
    """
    examples = "write it as `10s`, `1m30s`, `500ms` or `1h`"
    if text.startswith("-"):
        raise Mistake(f"the duration `{text}` is below zero", examples)
    body = text.removeprefix("+")
    if body == "0":
        return 0.0
    parts = list(_PART.finditer(body))
    if not parts or "".join(part[0] for part in parts) != body:
        raise Mistake(f"`{text}` is not a duration", examples)
    total = 0.0
    for part in parts:
        number, unit = part.groups()
        if not unit:
            raise Mistake(f"the duration `{text}` has no unit", f"write `{text}s` for seconds")
        if unit not in _SECONDS:
            known = "the units are `h`, `m`, `s`, `ms` and `us`; a day is `24h`"
            raise Mistake(f"the duration `{text}` has the unknown unit `{unit}`", known)
        total += float(number) * _SECONDS[unit]
    if total * 1e9 >= 2**63:  # Go counts nanoseconds in 64 bits
        raise Mistake(f"the duration `{text[:20]}…` is above 292 years", examples)
    return round(total, 9)


def size_bytes(text: str) -> int:
    """
    Return a size in bytes; `k`, `m`, `g` are powers of 1024.

    Raises:
        Mistake: The text is not a size.
    """
    match = _BYTES.fullmatch(text)
    if match is None:
        raise Mistake(f"`{text}` is not a size", "write it as `64k`, `512M` or `1.5g`")
    size = float(match[1]) * 1024.0 ** _POWERS[match[2].lower()]
    if size >= 2**63:
        raise Mistake(f"the size `{text[:20]}…` is more than any machine has", "write less")
    return int(size)
