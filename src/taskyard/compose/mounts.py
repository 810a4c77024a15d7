"""Read `volumes` and `tmpfs` of a service."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from pathlib import Path

from taskyard.compose.document import Value
from taskyard.compose.mistake import Mistake
from taskyard.compose.model import Mount
from taskyard.compose.shapes import Shapes
from taskyard.compose.units import size_bytes

_EXAMPLES = "write `./folder:/path`, `volume:/path` or `/path`, with `:ro` at its end to read only"


def absolute(text: str, folder: Path) -> Path:
    """Resolve a path of the host as Compose does: relative to the project's folder, or from `~`."""
    expanded = Path(text).expanduser() if text == "~" or text.startswith("~/") else Path(text)
    return Path(posixpath.normpath(folder / expanded))


def read_mounts(
    volumes: Value | None, tmpfs: Value | None, folder: Path, shapes: Shapes
) -> tuple[Mount, ...]:
    """Read `volumes` and `tmpfs`; two mounts at one path are a fault."""
    mounts: list[Mount] = []
    lines: dict[str, int] = {}
    for item, mount in [*_volumes(volumes, folder, shapes), *_tmpfs(tmpfs, shapes)]:
        if mount.target in lines:
            what = f"two mounts are at `{mount.target}`, the first in line {lines[mount.target]}"
            shapes.fault(what, item.line, "remove one of the two, or give it another path")
        lines.setdefault(mount.target, item.line)
        mounts.append(mount)
    return tuple(mounts)


def _volumes(value: Value | None, folder: Path, shapes: Shapes) -> Iterator[tuple[Value, Mount]]:
    for item in shapes.items(value):
        if isinstance(item.data, dict):
            mount = _long(item, folder, shapes)
        else:
            mount = _from_text(item, shapes, lambda text: _short(text, folder))
        if mount is not None:
            yield item, mount


def _tmpfs(value: Value | None, shapes: Shapes) -> Iterator[tuple[Value, Mount]]:
    items = [value] if value is not None and isinstance(value.data, str) else shapes.items(value)
    for item in items:
        mount = _from_text(item, shapes, _short_tmpfs)
        if mount is not None:
            yield item, mount


def _from_text(item: Value, shapes: Shapes, parse: Callable[[str], Mount]) -> Mount | None:
    text = shapes.text(item, filled=True)
    if text is None:
        return None
    try:
        return parse(text)
    except Mistake as mistake:
        shapes.fault(f"`{item.where}` is `{text}`: {mistake}", item.line, mistake.hint)
        return None


def _short(text: str, folder: Path) -> Mount:
    source, colon, rest = text.partition(":")
    if not colon:
        return Mount("volume", _target(source))
    target, _, options = rest.partition(":")
    if not source or not target or text.endswith(":"):
        raise Mistake("there is nothing on one side of a colon", _EXAMPLES)
    if len(source) == 1 and source.isalpha():
        raise Mistake(
            f"Compose reads `{source}:` as a drive of Windows", "give the volume a longer name"
        )
    read_only = False
    for option in options.split(",") if options else ():
        if option not in ("ro", "rw"):
            raise Mistake(f"the option `{option}` is not read", "write `ro`, `rw` or nothing")
        read_only = option == "ro"
    if source[0] in "./~":
        return Mount("bind", _target(target), str(absolute(source, folder)), read_only)
    return Mount("volume", _target(target), source, read_only)


def _short_tmpfs(text: str) -> Mount:
    target, _, options = text.partition(":")
    for option in options.split(",") if options else ():
        name, _, value = option.partition("=")
        if name != "size":
            raise Mistake(f"the option `{option}` is not read", "write `size=64m` or nothing")
        size_bytes(value)  # raises a Mistake if it is not a size
    return Mount("tmpfs", _target(target))


def _target(text: str) -> str:
    if not text.startswith("/"):
        raise Mistake(
            f"`{text}` is not an absolute path, which a mount needs in the container",
            _EXAMPLES,
        )
    return posixpath.normpath(text)


def _long(item: Value, folder: Path, shapes: Shapes) -> Mount | None:
    keys = shapes.keys(
        item,
        ("type", "source", "target", "read_only", "tmpfs"),
        ("bind", "volume", "consistency", "image"),
    )
    kind = shapes.choice(keys.get("type"), ("bind", "volume", "tmpfs"))
    source = shapes.text(keys.get("source"), filled=True)
    target = shapes.text(keys.get("target"), filled=True)
    read_only = shapes.flag(keys.get("read_only")) or False
    options = shapes.keys(keys.get("tmpfs"), ("size",), ("mode",))
    shapes.size(options.get("size"), plain_number=True)
    needed = ("type", "target", "source") if kind == "bind" else ("type", "target")
    for name in needed:
        if name not in keys:
            shapes.fault(f"`{item.where}` has no `{name}`", item.line, f"add `{name}: …`")
    if kind == "tmpfs" and "source" in keys:
        what = f"`{item.where}` is a tmpfs, which has no `source`"
        shapes.fault(what, item.line, "remove `source`")
    if kind not in (None, "tmpfs") and "tmpfs" in keys:
        what = f"`{item.where}` is a {kind}, and `tmpfs` is for the type `tmpfs`"
        shapes.fault(what, item.line, "remove `tmpfs`, or write `type: tmpfs`")
    if kind is None or target is None or (kind == "bind" and source is None):
        return None
    try:
        place = _target(target)
    except Mistake as mistake:
        shapes.fault(f"`{item.where}`: {mistake}", item.line, mistake.hint)
        return None
    if kind == "bind":
        return Mount("bind", place, str(absolute(source or "", folder)), read_only)
    if kind == "tmpfs":
        return Mount("tmpfs", place, None, read_only)
    return Mount("volume", place, source, read_only)
