"""Check `build` and `develop` of a service, which say how its image is made."""

from __future__ import annotations

from taskyard.compose.document import Value
from taskyard.compose.keys import BUILD, BUILD_NOT_READ
from taskyard.compose.shapes import Shapes

_ACTIONS = ("rebuild", "restart", "sync", "sync+restart")


def check_build(value: Value | None, shapes: Shapes) -> None:
    """Report what is wrong with `build`."""
    if value is None:
        return
    if isinstance(value.data, str):
        context: Value | None = value
        keys: dict[str, Value] = {}
    else:
        keys = shapes.keys(value, BUILD, BUILD_NOT_READ)
        context = keys.get("context")
    text = shapes.text(context, filled=True)
    if text is not None and ("://" in text or text.startswith("git@")):
        what = f"the build context `{text}` is not on this machine, and Taskyard does not fetch it"
        shapes.fault(what, value.line, "write a folder, such as `build: .`")
    shapes.pairs(keys.get("args"))
    shapes.text(keys.get("dockerfile"), filled=True)
    shapes.text(keys.get("target"))


def check_develop(value: Value | None, shapes: Shapes) -> None:
    """Report what is wrong with `develop`."""
    if value is None or value.data is None:
        return
    keys = shapes.keys(value, ("watch",))
    for item in shapes.items(keys.get("watch")):
        read = ("path", "action", "target", "ignore")
        parts = shapes.keys(item, read, ("exec", "include", "initial_sync"))
        shapes.text(parts.get("path"), filled=True)
        action = shapes.choice(parts.get("action"), _ACTIONS)
        shapes.text(parts.get("target"), filled=True)
        shapes.texts(parts.get("ignore"))
        needed = ["path", "action"]
        if (action or "").startswith("sync"):
            needed.append("target")
        for name in needed:
            if isinstance(item.data, dict) and name not in parts:
                shapes.fault(f"`{item.where}` has no `{name}`", item.line, f"add `{name}: …`")
