"""Mistakes in Python."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from mutation.edit import Edit, numbers_beside, swap

OTHER_COMPARISON: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}


def edits(text: str) -> Iterator[Edit]:
    """Yield every mistake that can be made in a Python file by one rule at one place."""
    tree = ast.parse(text)
    at = _Offsets(text)
    texts_only = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    names = _names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in texts_only:
            yield from _constant(node, at)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield from _name(node, names, at)
        elif isinstance(node, ast.Compare):
            yield from _comparison(node, text, at)
        elif isinstance(node, ast.BoolOp):
            yield from _either(node, text, at)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            start, end = at.of(node)
            yield Edit("change comparison", start, end, text[slice(*at.of(node.operand))])
        elif isinstance(node, ast.Call):
            yield from _call(node, text, at)
        elif isinstance(node, ast.Dict):
            yield from _items(node, text, at)
        elif isinstance(node, ast.List | ast.Tuple | ast.Set) and len(node.elts) > 1:
            yield from _elements(node.elts, at)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                start, end = at.of(decorator)
                yield Edit("drop line", start - 1, end)
        for _, body in ast.iter_fields(node):
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                yield from _statements(body, text, at)


class _Offsets:
    """Where nodes stand in a text; Python counts columns in bytes."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def of(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return (
            self._at(node.lineno, node.col_offset),
            self._at(node.end_lineno, node.end_col_offset),
        )

    def _at(self, line: int, column: int) -> int:
        before = self._lines[line - 1].encode()[:column].decode()
        return self._starts[line - 1] + len(before)


def _names(tree: ast.AST) -> list[str]:
    """Return the names of the file's own: its constants, functions, arguments and variables."""
    found = [
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    found += [node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)]
    return sorted(set(found))


def _constant(node: ast.Constant, at: _Offsets) -> Iterator[Edit]:
    start, end = at.of(node)
    if isinstance(node.value, bool):
        yield Edit("change value", start, end, str(not node.value))
    elif isinstance(node.value, int | float):
        for number in numbers_beside(node.value):
            yield Edit("change number", start, end, repr(number))
    elif isinstance(node.value, str) and node.value:
        yield Edit("change name", start, end, repr(node.value + "x"))


def _name(node: ast.Name, names: list[str], at: _Offsets) -> Iterator[Edit]:
    if node.id not in names or len(names) == 1:
        return
    start, end = at.of(node)
    other = names[(names.index(node.id) + 1) % len(names)]
    yield Edit("change name", start, end, other)


def _comparison(node: ast.Compare, text: str, at: _Offsets) -> Iterator[Edit]:
    left = node.left
    for operator, right in zip(node.ops, node.comparators, strict=True):
        start, end = at.of(left)[1], at.of(right)[0]
        if text[start:end].strip("() \n"):
            # Brackets stay where they are: `(data := f()) is None`
            between = text[start:end]
            inner = between.strip("() \n")
            begin = start + between.index(inner)
            other = OTHER_COMPARISON[type(operator)]
            yield Edit("change comparison", begin, begin + len(inner), other)
        left = right


def _either(node: ast.BoolOp, text: str, at: _Offsets) -> Iterator[Edit]:
    start, end = at.of(node)
    for value in node.values:
        yield Edit("drop condition", start, end, text[slice(*at.of(value))])


def _call(node: ast.Call, text: str, at: _Offsets) -> Iterator[Edit]:
    parts = sorted(at.of(one) for one in (*node.args, *node.keywords))
    for number in range(len(parts)):
        yield _without(parts, number, "drop argument")
    if len(node.args) > 1:
        for first, second in pairwise(node.args):
            yield swap(text, at.of(first), at.of(second))


def _items(node: ast.Dict, text: str, at: _Offsets) -> Iterator[Edit]:
    parts = [
        (at.of(key)[0], at.of(value)[1])
        for key, value in zip(node.keys, node.values, strict=True)
        if key is not None
    ]
    for number in range(len(parts)):
        yield _without(parts, number, "drop key")


def _elements(elements: list[ast.expr], at: _Offsets) -> Iterator[Edit]:
    parts = [at.of(one) for one in elements]
    for number in range(len(parts)):
        yield _without(parts, number, "drop element")


def _without(parts: list[tuple[int, int]], number: int, operator: str) -> Edit:
    """Take one of several parts out, with the comma that it needs no longer."""
    start, end = parts[number]
    if number + 1 < len(parts):
        return Edit(operator, start, parts[number + 1][0])
    return Edit(operator, parts[number - 1][1] if number else start, end)


def _statements(body: list[ast.stmt], text: str, at: _Offsets) -> Iterator[Edit]:
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]  # a docstring
    for one in body:
        if not isinstance(one, ast.FunctionDef | ast.ClassDef | ast.Pass):
            yield Edit("drop line", *at.of(one), "pass")
    simple = ast.Assign | ast.Expr | ast.Return | ast.AugAssign
    for first, second in pairwise(body):
        if isinstance(first, simple) and isinstance(second, simple):
            yield swap(text, at.of(first), at.of(second))
