"""The other top-level entries of a Compose file: networks, volumes, secrets and configs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from taskyard.compose.document import Value
from taskyard.compose.mounts import absolute
from taskyard.compose.shapes import Shapes

_TEXTS = ("name", "driver", "environment", "content")
_FLAGS = ("internal", "attachable", "enable_ipv4", "enable_ipv6")
_READ = {
    "networks": ("name", "driver", "driver_opts", "external", "labels", "ipam", *_FLAGS),
    "volumes": ("name", "driver", "driver_opts", "external", "labels"),
    "secrets": ("name", "external", "labels", "file", "environment"),
    "configs": ("name", "external", "labels", "file", "environment", "content"),
}
_NOT_READ = {
    "secrets": ("driver", "driver_opts", "template_driver"),
    "configs": ("template_driver",),
}
_SOURCES = ("file", "environment", "content")

Declared = dict[str, dict[str, Any]]


def read_declared(kind: str, value: Value | None, folder: Path, shapes: Shapes) -> Declared:
    """
    Read the top-level entries of one kind.

    Args:
        kind: `networks`, `volumes`, `secrets` or `configs`.
        folder: The folder that a relative `file` is relative to.

    Returns:
        Name to entry; an empty entry is `{}`, and a `file` is an absolute path.
    """
    return {
        name: _entry(kind, entry, folder, shapes) for name, entry in shapes.mapping(value).items()
    }


def _entry(kind: str, value: Value, folder: Path, shapes: Shapes) -> dict[str, Any]:
    has_source = kind in ("secrets", "configs")
    if value.data is None and not has_source:
        return {}
    entry: dict[str, Any] = {}
    keys = shapes.keys(value, _READ[kind], _NOT_READ.get(kind, ()))
    for name, part in keys.items():
        if name in _TEXTS:
            entry[name] = shapes.text(part)
        elif name in _FLAGS:
            entry[name] = shapes.flag(part)
        elif name == "external":
            entry[name] = _external(part, shapes)
        elif name == "labels":
            entry[name] = {label: text or "" for label, text in shapes.pairs(part).items()}
        elif name == "file":
            text = shapes.text(part, filled=True)
            entry[name] = None if text is None else str(absolute(text, folder))
        else:
            shapes.mapping(part)  # anything but a map is a fault
            entry[name] = shapes.plain(part)
    if entry.get("external"):
        others = sorted(set(keys) - {"external", "name"})
        if others and kind != "networks":
            what = f"`{value.where}` is external, so `{others[0]}` has no effect"
            shapes.fault(what, keys[others[0]].line, f"remove `{others[0]}`, or `external`")
    elif has_source and isinstance(value.data, dict):
        _check_source(kind, value, keys, shapes)
    return entry


def _external(value: Value, shapes: Shapes) -> bool | None:
    if isinstance(value.data, dict):
        what = f"`{value.where}` is a map, which Compose no longer accepts"
        shapes.fault(what, value.line, "write `external: true`, and `name: …` beside it")
        return None
    return shapes.flag(value)


def _check_source(kind: str, value: Value, keys: dict[str, Value], shapes: Shapes) -> None:
    given = [name for name in _SOURCES if name in keys]
    allowed = [f"`{name}`" for name in _SOURCES if name in _READ[kind]]
    if not given:
        what = f"`{value.where}` does not say where its content comes from"
        shapes.fault(what, value.line, f"add one of {', '.join(allowed)}")
    elif len(given) > 1:
        what = f"`{value.where}` has both `{given[0]}` and `{given[1]}`"
        shapes.fault(what, keys[given[1]].line, "remove one of the two")
