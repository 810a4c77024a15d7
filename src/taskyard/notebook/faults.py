"""Mistakes in a chapter that nobody would notice in its notebook."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from markdown_it.token import Token
from nbformat import NotebookNode

from taskyard.errors import Fault
from taskyard.pages.parser import PARSER

IGNORE_OUTPUT = "nbval-ignore-output"
TAGS = {IGNORE_OUTPUT, "raises-exception"}
METADATA = {"tags", "why", "jupyter", "editable", "title"}
LAST_TOKENS = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER}
CHILD_STARTERS = {"run", "call", "check_call", "Popen"}

READ_ONLY = "write ```console for a shell, ```text for the rest, or ~~~python for Python to read"

Placed = tuple[NotebookNode, int]


def find_faults(chapter: Path, text: str, cells: list[Placed]) -> list[Fault]:
    """
    Return a fault for each thing that a notebook could not show or reproduce, sorted by line.

    Args:
        chapter: The path of the chapter, for the faults.
        text: The chapter's text.
        cells: jupytext's cells, each with the line of the chapter in which its source begins.
    """
    tokens = PARSER.parse(text)
    found = [
        *_in_text(text.splitlines(), tokens, cells),
        *(
            fault
            for cell, line in cells
            if cell.cell_type == "code"
            for fault in _in_code(cell, line, text)
        ),
    ]
    return [Fault(what, chapter, line, hint) for line, what, hint in sorted(found)]


def _in_text(
    lines: list[str], tokens: list[Token], cells: list[Placed]
) -> Iterator[tuple[int, str, str]]:
    if lines[:1] == ["---"]:
        yield (
            1,
            "a YAML header would be the first thing a reader sees",
            "remove it: the build writes the metadata",
        )
    fences = [
        (token, token.map[0] + 1, token.map[1])
        for token in tokens
        if token.type == "fence" and token.map
    ]
    first_lines = {line for cell, line in cells if cell.cell_type == "code"}
    for token, first, _ in fences:
        is_python = token.markup.startswith("`") and token.info.split()[:1] == ["python"]
        if is_python and first + 1 not in first_lines:
            yield (
                first,
                "a ```python fence in a list or a quotation does not become a cell",
                "move it out, or write ~~~python",
            )
    depth_at = _details(lines, tokens)
    for line in first_lines:
        first = line - 1
        if any(begin < first <= end for _, begin, end in fences):
            what = "a line in a fence of another kind would begin a cell"
            yield first, what, "indent it: a cell begins with ``` in the first column"
        elif depth_at[first - 1]:
            what = "a cell inside `<details>` would split the block and show what it folds"
            yield first, what, "write ~~~python"
    if lines and depth_at[-1]:
        yield len(lines), "a `<details>` has no `</details>`", "close it"


def _details(lines: list[str], tokens: list[Token]) -> list[int]:
    """Return the number of `<details>` that are open before each line, and after the last one."""
    change = [0] * (len(lines) + 1)
    for token in tokens:
        if token.type == "html_block" and token.map:
            for number, line in enumerate(token.content.splitlines(), start=token.map[0] + 1):
                change[number] += len(re.findall(r"<details\b", line)) - len(
                    re.findall(r"</details>", line)
                )
    depth, depths = 0, []
    for step in change:
        depth += step
        depths.append(depth)
    return depths


def _in_code(cell: NotebookNode, line: int, text: str) -> Iterator[tuple[int, str, str]]:
    fence = text.splitlines()[line - 2]
    language = fence.strip("`").split()[0]
    if language != "python":
        yield line - 1, f"a ```{language} fence would be executed", READ_ONLY
        return
    yield from ((line - 1, what, hint) for what, hint in _in_metadata(cell.metadata))
    source = cell.source
    if not source.strip():
        yield line - 1, "a cell is empty", "remove the fence"
    for number, row in enumerate(source.splitlines(), start=line):
        if re.match(r"\s*#\s*(NBVAL_|PYTEST_VALIDATE)", row):
            yield (
                number,
                f"`{row.strip()}` switches off the comparison of outputs where no reader sees it",
                (f'tag the fence: ```python why="…" tags=["{IGNORE_OUTPUT}"]'),
            )
    try:
        tree = compile(source, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError as error:
        yield _not_python(source, line, error, cell)
        return
    if _ends_with_semicolon(source):
        yield (
            line + source.rstrip().count("\n"),
            "a `;` at the end hides a value in the notebook but not in the test",
            ("assign it: `_ = …`"),
        )
    assert isinstance(tree, ast.Module)
    for node in ast.walk(tree):
        if what := _unstable(node):
            yield line + getattr(node, "lineno", 1) - 1, *what


def _not_python(
    source: str, line: int, error: SyntaxError, cell: NotebookNode
) -> tuple[int, str, str]:
    number = (error.lineno or 1) - 1
    row = source.splitlines()[number].strip()
    if match := re.match(r"%%\w+|[%!?]\S*", row):
        return (
            line + number,
            f"`{match[0]}` is not Python, and its output differs from run to run",
            ("call a helper that shows the command line it runs"),
        )
    return line + number, f"this does not parse: {error.msg}", "mend the cell, or write ~~~python"


def _in_metadata(metadata: NotebookNode) -> Iterator[tuple[str, str]]:
    for key in sorted(set(metadata) - METADATA):
        yield (
            f"`{key}` after ```python is not known here",
            f"use one of {', '.join(sorted(METADATA))}",
        )
    tags = metadata.get("tags", [])
    for tag in sorted(set(tags) - TAGS):
        yield f"the tag `{tag}` does nothing here", f"use one of {', '.join(sorted(TAGS))}"
    if IGNORE_OUTPUT in tags and not str(metadata.get("why", "")).strip():
        yield (
            f"a cell is tagged `{IGNORE_OUTPUT}` and does not say why",
            'write ```python why="…" before the tags',
        )


def _ends_with_semicolon(source: str) -> bool:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    meaningful = [token.string for token in tokens if token.type not in LAST_TOKENS]
    return meaningful[-1:] == [";"]


def _unstable(node: ast.AST) -> tuple[str, str] | None:
    """Return what makes the output of a piece of Python unstable and what to do, or None."""
    name = (
        node.id
        if isinstance(node, ast.Name)
        else node.attr
        if isinstance(node, ast.Attribute)
        else None
    )
    if name in ("clear_output", "update_display"):
        return f"`{name}` changes an output that is already stored", "print once, at the end"
    if not isinstance(node, ast.Call):
        return None
    options = {option.arg for option in node.keywords}
    if "display_id" in options:
        return "`display_id` changes an output that is already stored", "display once, at the end"
    match node.func:
        case ast.Attribute(value=ast.Name(id="os"), attr="system"):
            return _child("os.system")
        case ast.Attribute(value=ast.Name(id="subprocess"), attr=starter) if (
            starter in CHILD_STARTERS
        ):
            return (
                None if options & {"capture_output", "stdout"} else _child(f"subprocess.{starter}")
            )
    return None


def _child(call: str) -> tuple[str, str]:
    return (
        f"the output of `{call}` bypasses the notebook",
        "pass `capture_output=True` and print what you need",
    )
