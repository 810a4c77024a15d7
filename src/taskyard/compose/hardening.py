"""Check what a service forgoes or is kept from, which nothing but a container engine acts on."""

from __future__ import annotations

from collections.abc import Mapping

from taskyard.compose.document import Value
from taskyard.compose.shapes import Shapes


def check_hardening(keys: Mapping[str, Value], shapes: Shapes) -> None:
    """Report what is wrong with `cap_drop`, `security_opt`, `read_only`, `shm_size`, `logging`."""
    shapes.texts(keys.get("cap_drop"))
    shapes.texts(keys.get("security_opt"))
    shapes.flag(keys.get("read_only"))
    shapes.size(keys.get("shm_size"), plain_number=True)
    logging = shapes.keys(keys.get("logging"), ("driver", "options"))
    shapes.text(logging.get("driver"), filled=True)
    shapes.pairs(logging.get("options"))
