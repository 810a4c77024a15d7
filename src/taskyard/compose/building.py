"""`build` and `develop` of a service: how its image comes about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from taskyard.compose.document import Value
from taskyard.compose.environment import Surroundings
from taskyard.compose.keys import BUILD, BUILD_NOT_READ
from taskyard.compose.model import Build
from taskyard.compose.mounts import absolute
from taskyard.compose.shapes import Shapes


def read_build(
    value: Value | None, shapes: Shapes, around: Surroundings, extensions: dict[str, Any]
) -> Build | None:
    """Read `build`; an argument without a value takes that of the shell, or is absent."""
    if value is None:
        return None
    if isinstance(value.data, str):
        context: Value | None = value
        keys: dict[str, Value] = {}
    else:
        keys = shapes.keys(value, BUILD, BUILD_NOT_READ, extensions, "build.")
        context = keys.get("context")
    text = shapes.text(context, filled=True)
    if text is not None and ("://" in text or text.startswith("git@")):
        what = f"the build context `{text}` is not on this machine, and Taskyard does not fetch it"
        shapes.fault(what, value.line, "write a folder, such as `build: .`")
    args = shapes.pairs(keys.get("args"))
    passed = {name: around.lookup(name) if text is None else text for name, text in args.items()}
    return Build(
        context=absolute(text or ".", around.folder),
        dockerfile=shapes.text(keys.get("dockerfile"), filled=True) or "Dockerfile",
        target=shapes.text(keys.get("target")) or None,
        args={name: text for name, text in passed.items() if text is not None},
    )


def read_develop(
    value: Value | None, shapes: Shapes, folder: Path, extensions: dict[str, Any]
) -> dict[str, Any]:
    """Read `develop`, as plain data with absolute paths."""
    if value is None or value.data is None:
        return {}
    keys = shapes.keys(value, ("watch",), (), extensions, "develop.")
    watches: list[dict[str, Any]] = []
    for item in shapes.items(keys.get("watch")):
        watch: dict[str, Any] = {}
        read = ("path", "action", "target", "ignore")
        parts = shapes.keys(item, read, ("exec", "include", "initial_sync"), watch)
        actions = ("rebuild", "restart", "sync", "sync+restart")
        path = shapes.text(parts.get("path"), filled=True)
        watch["path"] = str(absolute(path or ".", folder))
        watch["action"] = shapes.choice(parts.get("action"), actions)
        target = shapes.text(parts.get("target"), filled=True)
        if target is not None:
            watch["target"] = target
        if "ignore" in parts:
            watch["ignore"] = list(shapes.texts(parts["ignore"]))
        needed = ["path", "action"]
        if (watch["action"] or "").startswith("sync"):
            needed.append("target")
        for name in needed:
            if isinstance(item.data, dict) and name not in parts:
                shapes.fault(f"`{item.where}` has no `{name}`", item.line, f"add `{name}: …`")
        watches.append(watch)
    return {"watch": watches} if "watch" in keys else {}
