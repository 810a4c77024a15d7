"""Convert a chapter's Markdown to a notebook without outputs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import jupytext
from nbformat import NotebookNode, from_dict

from taskyard.errors import TaskyardError
from taskyard.notebook.faults import find_faults
from taskyard.notebook.links import notebook_link, relink

# Without a kernelspec, JupyterLab asks for one whenever the notebook is opened. With a `version` in
# `language_info`, each patch release of Python would change every notebook.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}

# jupytext counts blank lines here to convert a notebook back to Markdown, which is never done.
JUPYTEXT_KEYS = ("lines_to_next_cell", "lines_to_end_of_cell_marker")


@dataclass(frozen=True)
class Conversion:
    """
    A chapter's notebook, and the places of its cells in the chapter.

    Attributes:
        lines: The line of the chapter, from 1, in which the source of each cell begins.
    """

    notebook: NotebookNode
    lines: tuple[int, ...]


def convert(chapter: Path) -> NotebookNode:
    """
    Convert a chapter to a notebook without outputs; the same text gives the same notebook.

    Raises:
        TaskyardError: Something in the chapter would not work in a notebook; lists all faults.
    """
    return read_chapter(chapter).notebook


def read_chapter(chapter: Path) -> Conversion:
    """Convert a chapter and keep the lines of its cells; raises as `convert` does."""
    text = chapter.read_text(encoding="utf-8")
    notebook: NotebookNode = jupytext.reads(text, fmt="md")
    for cell in notebook.cells:
        for key in JUPYTEXT_KEYS:
            cell.metadata.pop(key, None)
    rows = text.splitlines()
    notebook.cells, lines = _join(notebook.cells, _lines(notebook.cells, rows), rows)
    if faults := find_faults(chapter, text, list(zip(notebook.cells, lines, strict=True))):
        raise TaskyardError.of(faults)
    notebook.metadata = notebook_metadata()
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = relink(cell.source, notebook_link)
        # jupytext's ids are random. An id made of the source is stable, and tells whether an output
        # in the old notebook still belongs to the cell.
        digest = hashlib.sha256(f"{cell.cell_type}\0{cell.source}".encode()).hexdigest()[:10]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return Conversion(notebook, lines)


def notebook_metadata() -> NotebookNode:
    """Return the metadata that every notebook of the course has."""
    metadata: NotebookNode = from_dict(METADATA)  # type: ignore[no-untyped-call]
    return metadata


def _join(
    cells: list[NotebookNode], lines: list[int], text: list[str]
) -> tuple[list[NotebookNode], tuple[int, ...]]:
    """
    Join consecutive Markdown cells.

    jupytext begins a new cell after two blank lines, even inside `~~~` and `<details>`.
    """
    joined: list[tuple[NotebookNode, int]] = []
    for cell, line in zip(cells, lines, strict=True):
        before, first = joined[-1] if joined else (None, 0)
        if before and all(c.cell_type == "markdown" and not c.metadata for c in (before, cell)):
            last = line + len(cell.source.splitlines())
            before.source = "\n".join(text[first - 1 : last - 1])
        else:
            joined.append((cell, line))
    return [cell for cell, _ in joined], tuple(line for _, line in joined)


def _lines(cells: list[NotebookNode], text: list[str]) -> list[int]:
    """Find the line of each cell in the text, whose lines and order jupytext keeps."""
    found, start = [], 0
    for cell in cells:
        source = cell.source.splitlines()
        is_code = cell.cell_type == "code"
        if is_code and source and source[0].startswith("%%") and source[0] not in text[start:]:
            source = source[1:]  # jupytext turns a ```bash fence into a %%bash cell
        while text[start : start + len(source)] != source or (
            is_code and not text[start - 1].startswith("```")
        ):
            start += 1
            if start > len(text):
                raise AssertionError(f"a cell is not in its chapter:\n{cell.source}")
        found.append(start + 1)
        start += len(source)
    return found
