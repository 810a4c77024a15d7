"""Plan the next build of a folder after a change that nobody has made yet."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from taskyard.topics.image_layers.keys import Source
from taskyard.topics.image_layers.plan import Step, plan

LINE = "# one more line\n"
WIDTH = 38


def what_if(
    folder: Path,
    changed: Sequence[str] = (),
    *,
    edit: Callable[[Path], object] | None = None,
    first: Mapping[str, str] | None = None,
    second: Mapping[str, str] | None = None,
) -> list[Step]:
    """
    Say what a second build of a folder reuses; the folder stays as it is.

    Args:
        changed: Files that get one more line between the two builds.
        edit: Called with a copy of the folder, for any other change.
        first: The build arguments of the first build; of the second too, unless given.
    """
    with tempfile.TemporaryDirectory(prefix="taskyard-layers-") as temporary:
        before, after = (Path(temporary) / name for name in ("before", "after"))
        for copy in (before, after):
            shutil.copytree(folder, copy, symlinks=True)
        for name in changed:
            with (after / name).open("a", encoding="utf-8") as file:
                file.write(LINE)
        if edit is not None:
            edit(after)
        arguments = first or {}
        new = arguments if second is None else second
        return plan(Source(before, arguments), Source(after, new))


def listed(steps: Sequence[Step]) -> str:
    """Return one line for each step that makes a layer: instruction, verdict, reason."""
    return "\n".join(
        f"{short(step):<{WIDTH}}{step.verdict:<8}{step.reason}"
        for step in steps
        if step.makes_layer and step.verdict != "not built"
    )


def short(step: Step, length: int = WIDTH - 2) -> str:
    """Return an instruction on one line of limited length."""
    text = " ".join(step.instruction.split())
    return text if len(text) <= length else text[: length - 1] + "…"
