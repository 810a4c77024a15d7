"""Taskyard: the tooling behind the chapters, labs and cards."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MOVED = {
    "changes": "topics.compose_stack.changes",
    "graph": "topics.compose_stack.graph",
    "image": "topics.image_layers.image",
    "layers": "topics.image_layers",
    "layers.context": "topics.image_layers.context",
    "precedence": "topics.compose_stack.precedence",
    "program": "topics.image_layers.program",
    "queue": "kit.queue",
    "recorder": "kit.recorder",
    "timeline": "kit.timeline",
    "workbench": "notebook.workbench",
}
"""The new places of modules that learners' copies of earlier notebooks import."""


class _Moved(MetaPathFinder, Loader):
    """Finds a module under its earlier name."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        known = name.removeprefix("taskyard.") in MOVED and name.startswith("taskyard.")
        return ModuleSpec(name, self, is_package=True) if known else None

    def exec_module(self, module: ModuleType) -> None:
        now = import_module(f"taskyard.{MOVED[module.__name__.removeprefix('taskyard.')]}")
        vars(module).update({k: v for k, v in vars(now).items() if not k.startswith("__")})


sys.meta_path.append(_Moved())
