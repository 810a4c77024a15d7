"""Check that every link between the pages of the course leads somewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote, urldefrag

from taskyard.errors import Fault, TaskyardError
from taskyard.pages.page import Link, Page

_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def dead(root: Path, pages: Iterable[Path]) -> list[Fault]:
    """
    Return one fault for each relative link that leads nowhere.

    A link to a chapter's notebook is good even before the notebook is built, because the build
    begins with this check.

    Args:
        root: The repository, which no link may leave.
        pages: Markdown files; those that do not exist are skipped.
    """
    read: dict[Path, Page] = {}
    faults: list[Fault] = []
    for path in pages:
        if not path.is_file():
            continue
        try:
            for link in _page(path, read).links:
                faults += _check(root, path, link, read)
        except TaskyardError as error:
            faults += error.faults
    return faults


def _check(root: Path, path: Path, link: Link, read: dict[Path, Page]) -> Iterator[Fault]:
    if _SCHEME.match(link.target) or link.target.startswith("//"):
        return
    place, anchor = map(unquote, urldefrag(link.target))
    what = f"the link `{unquote(link.target)}` is dead: "
    target = Path(os.path.normpath(path.parent / place)) if place else path
    if place.startswith("/"):
        yield Fault(what + "it begins with `/`", path, link.line, "write it relative to this file")
    elif not target.is_relative_to(root):
        cure = "link to a file of the repository, or to an address with `https://`"
        yield Fault(what + "it leaves the repository", path, link.line, cure)
    elif not target.exists():
        if not _is_built_later(root, target):
            yield Fault(what + "there is no such file", path, link.line, _near(path, target))
    elif anchor and target.suffix == ".md":
        anchors = _page(target, read).anchors
        if anchor not in anchors:
            close = get_close_matches(anchor, anchors, n=1)
            cure = f"did you mean `#{close[0]}`?" if close else "link to one of the page's headings"
            yield Fault(what + f"no heading is `#{anchor}`", path, link.line, cure)


def _page(path: Path, read: dict[Path, Page]) -> Page:
    if path not in read:
        read[path] = Page.read(path)
    return read[path]


def _is_built_later(root: Path, target: Path) -> bool:
    is_notebook = target.parent == root / "notebooks" and target.suffix == ".ipynb"
    return is_notebook and (root / "chapters" / f"{target.stem}.md").exists()


def _near(path: Path, target: Path) -> str:
    """Return a hint with the name that was meant: a slug under its new number, or a close name."""
    missing = target
    while not missing.parent.is_dir():
        missing = missing.parent
    names = {one.name for one in missing.parent.iterdir()} - {missing.name}
    beside = sorted(name for name in names if name[0] != ".")
    slug = re.sub(r"^\d{2}-", "", missing.name)
    same = [name for name in beside if re.sub(r"^\d{2}-", "", name) == slug]
    close = (same or get_close_matches(missing.name, beside, n=1))[:1]
    if not close:
        return "correct it, or add the file"
    meant = missing.parent / close[0] / target.relative_to(missing)
    return f"did you mean `{os.path.relpath(meant, path.parent)}`?"
