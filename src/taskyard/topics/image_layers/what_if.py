"""Plan the next build of a folder after a change that has not been made."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from taskyard.kit.guarded import GuardedFolder
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
    Plan a second build of a folder; the folder itself is not changed.

    Args:
        changed: Files that get one more line between the two builds.
        edit: Called with a copy of the folder, to make any other change there.
        first: The build arguments of the first build.
        second: The build arguments of the second build; None means the same.
    """
    with GuardedFolder("taskyard-layers-") as copies:
        before, after = (copies.path / name for name in ("before", "after"))
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
    """Return one line for each step that makes a layer, with instruction, verdict and reason."""
    return "\n".join(
        f"{short(step):<{WIDTH}}{step.verdict:<8}{step.reason}"
        for step in steps
        if step.makes_layer and step.verdict != "not built"
    )


def short(step: Step, length: int = WIDTH - 2) -> str:
    """Return a step's instruction on one line of at most `length` characters."""
    text = " ".join(step.instruction.split())
    return text if len(text) <= length else text[: length - 1] + "…"
