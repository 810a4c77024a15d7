"""Build the notebook of a chapter: executed, and the same bytes on every build."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from taskyard.errors import TaskyardError
from taskyard.files import write
from taskyard.notebook.chapter import Conversion, notebook_metadata, read_chapter
from taskyard.notebook.faults import IGNORE_OUTPUT
from taskyard.notebook.kernel import CellFailedError, execute

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def build(chapter: Path, notebook: Path, fresh: bool = False, timeout_s: float = 120.0) -> bool:
    """
    Execute a chapter and write its notebook.

    Args:
        chapter: The chapter's Markdown.
        notebook: The file to write; its folder is the kernel's working directory.
        fresh: Whether to renew the outputs of cells that measure as well.
        timeout_s: The deadline of each cell.

    Returns:
        Whether the file changed.

    Raises:
        TaskyardError: The chapter has faults, or a cell failed; the old notebook is kept.
    """
    conversion = read_chapter(chapter)
    new = conversion.notebook
    try:
        execute(new, notebook.parent, timeout_s)
    except CellFailedError as error:
        raise _failed_cell(chapter, conversion, error) from None
    before = notebook.read_text(encoding="utf-8") if notebook.exists() else ""
    normalise(new, _read(before) if before and not fresh else None)
    after: str = nbformat.writes(new) + "\n"  # type: ignore[no-untyped-call]
    if after != before:
        write(notebook, after.encode())
    return after != before


def is_current(chapter: Path, notebook: Path) -> bool:
    """
    Tell whether a notebook is what its chapter converts to, with every cell run in order.

    Raises:
        TaskyardError: The chapter has faults.
    """
    new = read_chapter(chapter).notebook
    if not notebook.exists():
        return False
    old = _read(notebook.read_text(encoding="utf-8"))
    counts = [cell.execution_count for cell in old.cells if cell.cell_type == "code"]
    return (
        counts == list(range(1, len(counts) + 1))
        and old.metadata == new.metadata
        and [_identity(cell) for cell in old.cells] == [_identity(cell) for cell in new.cells]
    )


def normalise(notebook: NotebookNode, old: NotebookNode | None) -> None:
    """
    Remove from an executed notebook, in place, everything that differs from run to run.

    Args:
        notebook: The executed notebook.
        old: The notebook to replace. A cell that measures keeps the output that it has there as
            long as its source is the same, so that building again changes nothing.
    """
    notebook.metadata = notebook_metadata()
    kept = (
        {}
        if old is None
        else {cell.id: cell.outputs for cell in old.cells if cell.cell_type == "code"}
    )
    code = (cell for cell in notebook.cells if cell.cell_type == "code")
    for number, cell in enumerate(code, start=1):
        if IGNORE_OUTPUT in cell.metadata.get("tags", []):
            cell.outputs = kept.get(cell.id) or cell.outputs
        cell.metadata.pop("execution", None)
        cell.execution_count = number
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
            if output.output_type == "error":  # its frames contain paths of this machine
                output.traceback = [f"{output.ename}: {output.evalue}"]
    nbformat.validate(notebook)


def _identity(cell: NotebookNode) -> tuple[str, str, str, NotebookNode]:
    return cell.id, cell.cell_type, cell.source, cell.metadata


def _read(text: str) -> NotebookNode:
    notebook: NotebookNode = nbformat.reads(text, 4)  # type: ignore[no-untyped-call]
    return notebook


def _failed_cell(chapter: Path, conversion: Conversion, error: CellFailedError) -> TaskyardError:
    cell, line = conversion.notebook.cells[error.index], conversion.lines[error.index]
    raised = [output for output in cell.outputs if output.output_type == "error"]
    traceback = ANSI.sub("", "\n".join(raised[-1].traceback)) if raised else ""
    # IPython counts lines from the cell's first, not from the chapter's.
    within = re.findall(r"^\s*(?:Cell|File) In\s?\[\d+\], line (\d+)", traceback, re.MULTILINE)
    failed = line + int(within[0]) - 1 if within else line
    shown = "\n".join(
        f"{'>' if number == failed and within else ' '} {number:4} | {row}"
        for number, row in enumerate(cell.source.splitlines(), start=line)
    )
    last_lines = "\n".join(traceback.splitlines()[-12:])
    return TaskyardError(
        "\n\n".join(filter(None, [ANSI.sub("", str(error)), shown, last_lines])),
        path=chapter,
        line=failed,
        hint="mend the cell, then build the notebook again",
    )
