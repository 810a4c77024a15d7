"""The names in a lab's `demo.py` and `check.py` that the tooling reads."""

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
"""The similarity, from 0 to 1, at which a name counts as a misspelling of one in the contract."""


@dataclass(frozen=True)
class Contract:
    """
    What `demo.py` and `check.py` may define; only `demo` in `demo.py` is required.

    The names of values are in capitals there: `NEEDS_DOCKER`, `PUBLISH`, `STARTS_ITSELF`. In
    `check.py` the tooling reads only `PUBLISH` and `EDIT`; its other names are its own.

    Attributes:
        needs_docker: Why the point of the lab cannot be seen without containers, as the end of
            the sentence "This lab needs Docker: …". On the local engine the lab then ends with a
            status of its own.
        publish: Ports to reach from this machine: service to container port.
        edit: The files of the starter that the learner changes, relative to their folder; the
            others stay as they are, and the check rejects a change. None means all of them.
        starts_itself: Whether `demo` starts the stack, because its point is how the stack starts.
        demo: The experiment, called with the stack and the console.
        without_docker: Called if `needs_docker` ends the lab, with the learner's folder and the
            console, to show what can be shown all the same.
    """

    needs_docker: str = ""
    publish: Mapping[str, int] = field(default_factory=dict)
    edit: tuple[str, ...] | None = None
    starts_itself: bool = False
    demo: Callable[[Stack, Show], None] | None = None
    without_docker: Callable[[Path, Show], None] | None = None

    @classmethod
    def of(cls, module: Any) -> Contract:
        """
        Read the contract from a module.

        Raises:
            TaskyardError: A name is almost one of the contract's, stands in the wrong file or has a
                value of the wrong type, or `demo.py` has no `demo`; one fault for each.
        """
        if faults := list(_faults(vars(module), Path(module.__file__))):
            raise TaskyardError.of(faults)
        said = {name: getattr(module, name) for name in NAMES if hasattr(module, name)}
        return cls(**{name.lower(): value for name, value in said.items()})


IN_DEMO = ("NEEDS_DOCKER", "PUBLISH", "STARTS_ITSELF", "demo", "without_docker")
"""What `demo.py` may define."""

IN_CHECK = ("PUBLISH", "EDIT")
"""What `check.py` may define."""

NAMES = tuple(dict.fromkeys((*IN_DEMO, *IN_CHECK)))


def load(path: Path) -> Any:
    """Import a lab's file by its path; errors that it raises keep their traceback."""
    spec = importlib.util.spec_from_file_location(f"lab_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _faults(said: Mapping[str, Any], path: Path) -> Iterator[Fault]:
    is_demo = path.name == "demo.py"
    allowed = IN_DEMO if is_demo else IN_CHECK
    lines = _lines(path)
    for name, line in lines.items():
        if name in allowed:
            if cure := _wrong_value(name, said.get(name)):
                yield Fault(f"`{name}` has a value of the wrong type", path, line, cure)
        elif name in NAMES and name.isupper():
            other = "check.py" if is_demo else "demo.py"
            what = f"`{name}` has no meaning here: only `{other}` may define it"
            yield Fault(what, path, line, f"move it to the lab's `{other}`, or remove it")
        elif near := get_close_matches(name, [one for one in allowed if one not in lines], 1, NEAR):
            what = f"the tooling does not know `{name}`"
            yield Fault(what, path, line, f"did you mean `{near[0]}`?")
    if is_demo and "demo" not in lines:
        what = "there is no function `demo`, the experiment that `make lab-N` runs"
        yield Fault(what, path, hint="write `def demo(stack: Stack, show: Show) -> None:`")


def _lines(path: Path) -> Mapping[str, int]:
    """Return the names that a file defines at its top level, imports left out, with their lines."""
    found: dict[str, int] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node.lineno
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {one.id: node.lineno for one in targets if isinstance(one, ast.Name)}
    return found


def _wrong_value(name: str, value: object) -> str:
    """Return what to write instead of a value of the wrong type; empty if the type is right."""
    if name == "NEEDS_DOCKER":
        return "" if isinstance(value, str) and value else "write the reason, as a text"
    if name == "STARTS_ITSELF":
        return "" if isinstance(value, bool) else "write `True`, or remove it"
    if name == "PUBLISH":
        is_map = isinstance(value, Mapping) and all(
            isinstance(service, str) and isinstance(port, int) for service, port in value.items()
        )
        return "" if is_map else 'write service and container port, such as `{"api": 8000}`'
    if name == "EDIT":
        is_names = isinstance(value, tuple) and all(isinstance(one, str) for one in value)
        return "" if is_names else 'write the names of files, such as `("tasks.py",)`'
    return "" if callable(value) else f"write `def {name}(…):`"
