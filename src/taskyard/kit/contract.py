"""What a lab's own modules say to the tooling: the names that it reads, and no others."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from taskyard.errors import Fault, TaskyardError
from taskyard.kit.console import Show
from taskyard.kit.stack import Stack

NEAR = 0.8
"""How alike a name must be to one of the contract's to count as a slip of the finger."""


@dataclass(frozen=True)
class Contract:
    """
    What `demo.py` and `check.py` may say; all of it is optional but `demo` in `demo.py`.

    The values have names in capitals there: `NEEDS_DOCKER`, `PUBLISH`, `STARTS_ITSELF`. In
    `check.py` only `PUBLISH` has a meaning; everything else that a check says are its tests.

    Attributes:
        needs_docker: Why the point of the lab cannot be seen without containers, as the end of
            the sentence "This lab needs Docker: …". On the local engine the lab then ends with a
            status of its own.
        publish: Ports that the module wants to reach on this machine: service to container port.
        starts_itself: Whether `demo` starts the stack, because its point is how the stack starts.
        demo: The experiment, called with the stack and the console.
        without_docker: Called where `needs_docker` ends the lab, with the learner's folder and the
            console: shows what can be shown.
    """

    needs_docker: str = ""
    publish: Mapping[str, int] = field(default_factory=dict)
    starts_itself: bool = False
    demo: Callable[[Stack, Show], None] | None = None
    without_docker: Callable[[Path, Show], None] | None = None

    @classmethod
    def of(cls, module: Any) -> Contract:
        """
        Read what a module says.

        Raises:
            TaskyardError: A name is almost one of the contract's, stands in the wrong one of the
                two files or holds something else than it should, or `demo.py` has no `demo`.
        """
        if faults := list(_faults(vars(module), Path(module.__file__))):
            raise TaskyardError.of(faults)
        said = {name: getattr(module, name) for name in NAMES if hasattr(module, name)}
        return cls(**{name.lower(): value for name, value in said.items()})


VALUES = ("NEEDS_DOCKER", "PUBLISH", "STARTS_ITSELF")
NAMES = (*VALUES, "demo", "without_docker")
"""What `demo.py` may say."""

IN_CHECK = ("PUBLISH",)
"""What `check.py` may say."""


def load(path: Path) -> Any:
    """Import a lab's file by its path; an error in it keeps its own traceback."""
    spec = importlib.util.spec_from_file_location(f"lab_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _faults(said: Mapping[str, Any], path: Path) -> Iterator[Fault]:
    is_demo = path.name == "demo.py"
    allowed = NAMES if is_demo else IN_CHECK
    lines = _lines(path)
    for name, line in lines.items():
        if name in allowed:
            if cure := _wrong_value(name, said.get(name)):
                yield Fault(f"`{name}` holds something else than it should", path, line, cure)
        elif name in VALUES:
            what = f"`{name}` says nothing here: only `demo.py` is asked for it"
            yield Fault(what, path, line, "move it to the lab's `demo.py`, or remove it")
        elif near := get_close_matches(name, [one for one in allowed if one not in lines], 1, NEAR):
            what = f"`{name}` says nothing to the tooling"
            yield Fault(what, path, line, f"did you mean `{near[0]}`?")
    if is_demo and "demo" not in lines:
        what = "there is no function `demo`, the experiment that `make lab-N` runs"
        yield Fault(what, path, hint="write `def demo(stack: Stack, show: Show) -> None:`")


def _lines(path: Path) -> Mapping[str, int]:
    """Return the names that a file itself gives at its top level, with the line of each."""
    found: dict[str, int] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node.lineno
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {one.id: node.lineno for one in targets if isinstance(one, ast.Name)}
    return found


def _wrong_value(name: str, value: object) -> str:
    """Return what to write instead of a value that has the wrong type; empty if it has not."""
    if name == "NEEDS_DOCKER":
        return "" if isinstance(value, str) and value else "write the reason, as a text"
    if name == "STARTS_ITSELF":
        return "" if isinstance(value, bool) else "write `True`, or remove it"
    if name == "PUBLISH":
        is_map = isinstance(value, Mapping) and all(
            isinstance(service, str) and isinstance(port, int) for service, port in value.items()
        )
        return "" if is_map else 'write service and container port, such as `{"api": 8000}`'
    return "" if callable(value) else f"write `def {name}(…):`"
