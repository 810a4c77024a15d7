"""Every fenced block is compiled, parsed or looked up; the name of its test says which."""

from __future__ import annotations

from pathlib import Path

import pytest
from found import COURSE, PAGES, name

from taskyard.pages.fence import check, how
from taskyard.pages.page import Fence, Page


def _blocks() -> list[object]:
    found: list[object] = []
    for parameter in PAGES:
        path = Path(str(parameter.values[0]))
        for fence in Page.read(path).fences:
            done = how(fence)
            if path.parent.name == "chapters" and (fence.language, fence.markup) == (
                "python",
                "```",
            ):
                done += ", run by the notebook"
            title = f"{name(path)}:{fence.line} {fence.language or 'no language'}: {done}"
            found.append(pytest.param(path, fence, id=title))
    return found


@pytest.mark.parametrize(("path", "fence"), _blocks())
def test_block(path: Path, fence: Fence) -> None:
    """A block holds what its language says."""
    faults = check(fence, path, COURSE.root)
    assert not faults, "\n\n" + "\n\n".join(map(str, faults))
