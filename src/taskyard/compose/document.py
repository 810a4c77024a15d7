"""Parse a YAML file as Compose does, into values that know their line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import TypeAlias

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner, ScannerError

from taskyard.compose.mistake import Mistake
from taskyard.errors import Fault

Scalar: TypeAlias = bool | int | float | str | None

MAX_VALUES = 100_000
"""Aliases of aliases can multiply without limit; a real file has a small fraction of this."""

_INCOMPATIBLE = "found incompatible YAML document"
_PLAIN = ""
_TAG = "tag:yaml.org,2002:"
_SCALARS = {
    "null": re.compile(r"~|null|Null|NULL|"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "int": re.compile(
        r"[-+]?(0[xX]_*[0-9a-fA-F][0-9a-fA-F_]*|0[oO]?_*[0-7][0-7_]*|0[bB]_*[01][01_]*|0|[1-9][0-9_]*)"
    ),
    "float": re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?"),
    "infinite": re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
}
_UNUSABLE = re.compile("[\0\ud800-\udfff]")
_DATE = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)"
    r"(?:(?:(?P<t>[Tt])| )(\d\d?):(\d\d?):(\d\d?)(?:[.,]\d{1,9})?(?(t)(?:Z|[-+]\d\d:\d\d)))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Value:
    """
    One value of the file.

    Attributes:
        data: A scalar, or the values of a list or a map.
        line: Its line, from 1; an entry of a map has the line of its key.
        where: Its place in the file, such as `services.web.ports[0]`.
        written: The source of a scalar.
    """

    data: Scalar | list[Value] | dict[str, Value]
    line: int
    where: str = ""
    written: str = ""

    @property
    def kind(self) -> str:
        """What it is, in words, for a message."""
        if self.data is None:
            return "empty"
        if isinstance(self.data, bool):
            return f"`{self.written}`, which YAML reads as true or false"
        if isinstance(self.data, int | float):
            return f"the number `{self.written}`"
        if isinstance(self.data, str):
            return f"the text `{_shortened(self.data)}`"
        return "a map" if isinstance(self.data, dict) else "a list"


Substitute: TypeAlias = Callable[[str, int], str]
"""Fills in the variables of a text, given its line; raises `Mistake`."""


def parse(text: str, path: Path, faults: list[Fault], substitute: Substitute) -> Value | None:
    """
    Parse one YAML document.

    Plain words have the types that go-yaml gives them for Compose: `yes`, `on` and `22:22` are
    text, and `014` is octal. A date is a fault, because Docker would rewrite it.

    Args:
        path: The file, for the faults.
        faults: Receives what is wrong.
        substitute: Called with each text and its line. Keys have no variables, as in Compose.

    Returns:
        The document; None if it is empty, or not YAML at all.
    """
    try:
        node = _Loader(text).get_single_node()
        if node is None:
            faults.append(Fault("the file is empty", path, hint="start it with a line `services:`"))
            return None
        return _Tree(path, faults, substitute).value(node, node.start_mark.line + 1, "")
    except yaml.MarkedYAMLError as error:
        faults.append(_syntax(error, path))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"the character U+{int(error.character):04X} is not allowed in YAML"
        faults.append(Fault(what, path, line, "remove it"))
    except RecursionError:
        what = "the file is nested too deeply to be read"
        faults.append(Fault(what, path, hint="look for brackets that are never closed"))
    return None


class _Loader(Reader, Scanner, Parser, Composer, BaseResolver):
    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)

    def scan_yaml_directive_value(self, start_mark: yaml.Mark) -> tuple[int, int]:
        """Read the version after `%YAML`; go-yaml accepts only 1.1."""
        version: tuple[int, int] = super().scan_yaml_directive_value(start_mark)
        if version != (1, 1):
            raise ScannerError(None, None, _INCOMPATIBLE, start_mark)
        return version

    def resolve(self, kind: type[yaml.Node], value: object, implicit: tuple[bool, bool]) -> str:
        """Leave plain words untyped; `_Tree` types them."""
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else f"{_TAG}str"
        return f"{_TAG}map" if kind is yaml.MappingNode else f"{_TAG}seq"


class _Tree:
    """Turns YAML nodes into values: resolves types, aliases, merges and variables."""

    def __init__(self, path: Path, faults: list[Fault], substitute: Substitute) -> None:
        self._path = path
        self._faults = faults
        self._substitute = substitute
        self._open: set[int] = set()
        self._count = 0

    def value(self, node: yaml.Node, line: int, where: str) -> Value:
        self._count += 1
        if id(node) in self._open:
            self._fault("an anchor holds an alias of itself", node, "remove the alias `*…` in it")
            return Value(None, line, where)
        if self._count > MAX_VALUES:
            if self._count == MAX_VALUES + 1:
                what = f"with its aliases the file has more than {MAX_VALUES} values"
                self._fault(what, node, "remove aliases that hold aliases")
            return Value(None, line, where)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, line, where)
        self._open.add(id(node))
        try:
            expected = "map" if isinstance(node, yaml.MappingNode) else "seq"
            self._check_tag(node, expected)
            if isinstance(node, yaml.MappingNode):
                prefix = f"{where}." if where else ""
                entries = {
                    key: self.value(child, at, f"{prefix}{key}")
                    for key, (at, child) in self._entries(node).items()
                }
                return Value(entries, line, where)
            items = [
                self.value(child, child.start_mark.line + 1, f"{where}[{index}]")
                for index, child in enumerate(node.value)
            ]
            return Value(items, line, where)
        finally:
            self._open.remove(id(node))

    def _entries(self, node: yaml.MappingNode) -> dict[str, tuple[int, yaml.Node]]:
        """Return the entries of a map, of which its own override merged ones, as in YAML."""
        entries: dict[str, tuple[int, yaml.Node]] = {}
        merged: list[yaml.Node] = []
        first_lines: dict[str, int] = {}
        for key_node, child in node.value:
            line = key_node.start_mark.line + 1
            key = self._key(key_node)
            if key is None:
                continue
            if key in first_lines:
                what = f"the key `{key}` occurs twice in one map, first in line {first_lines[key]}"
                self._fault(what, key_node, "remove one of the two")
                continue
            first_lines[key] = line
            if key == "<<" and key_node.style is None:
                merged = child.value if isinstance(child, yaml.SequenceNode) else [child]
            else:
                entries[key] = (line, child)
        for source in merged:
            if not isinstance(source, yaml.MappingNode):
                hint = "write `<<: *anchor`, where `&anchor` stands before a map"
                self._fault("`<<` merges maps, and this is not a map", source, hint)
            elif id(source) in self._open:
                self._fault("an anchor merges itself", source, "remove the line `<<: *…` in it")
            else:
                self._open.add(id(source))
                for key, entry in self._entries(source).items():
                    entries.setdefault(key, entry)
                self._open.remove(id(source))
        return entries

    def _key(self, node: yaml.Node) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._fault("a list or map cannot be a key", node, "write a name before the colon")
            return None
        key = self._typed(node)
        if key is _FAULTY:
            return None
        if not isinstance(key, str):
            hint = f'write it in quotes: `"{node.value}":`'
            self._fault(f"YAML does not read the key `{node.value}` as text", node, hint)
            return str(node.value)
        if _UNUSABLE.search(key):
            self._fault("the key holds a character that no program accepts", node, "remove it")
            return None
        if key and not key.strip("\n"):
            hint = "write a name before the colon"
            self._fault("the key is a line break and nothing else", node, hint)
            return None
        return key

    def _scalar(self, node: yaml.ScalarNode, line: int, where: str) -> Value:
        data = self._typed(node)
        if isinstance(data, str):
            if _UNUSABLE.search(data):
                self._fault("the text holds a character that no program accepts", node, "remove it")
                return Value(_FAULTY, line, where, node.value)
            try:
                data = self._substitute(data, line)
            except Mistake as mistake:
                self._fault(str(mistake), node, mistake.hint)
                return Value(_FAULTY, line, where, node.value)
        return Value(data, line, where, node.value)

    def _typed(self, node: yaml.ScalarNode) -> Scalar:
        text: str = node.value
        tag = node.tag.removeprefix(_TAG)
        if tag == "str":
            return text
        if tag == _PLAIN:
            if _is_date(text):
                what = f"YAML reads `{text}` as a date, which Docker would rewrite"
                self._fault(what, node, f'put it in quotes: `"{text}"`')
                return _FAULTY
            kinds = [kind for kind, pattern in _SCALARS.items() if pattern.fullmatch(text)]
            return _number_or_text(kinds[0], text) if kinds else text
        if tag in ("null", "bool", "int", "float"):
            if _SCALARS[tag].fullmatch(text):
                return _number_or_text(tag, text)
            self._fault(f"`{text}` is not of the type `!!{tag}`", node, "remove the tag")
            return text
        self._check_tag(node, "str")
        return text

    def _check_tag(self, node: yaml.Node, expected: str) -> None:
        tag: str = node.tag
        if tag != _TAG + expected:
            shown = "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag
            self._fault(f"the tag `{shown}` is not read", node, "remove the tag")

    def _fault(self, what: str, node: yaml.Node, hint: str) -> None:
        self._faults.append(Fault(what, self._path, node.start_mark.line + 1, hint))


class _Faulty(str):
    """Stands for a text whose fault has been reported, so that it is not reported again."""


_FAULTY = _Faulty()


def is_faulty(value: Value) -> bool:
    """Tell whether a fault of the value has been reported already."""
    return isinstance(value.data, _Faulty)


def _is_date(text: str) -> bool:
    """
    Tell whether go-yaml reads a plain text as a date or a time.

    Source: `docker compose config`, which reads a day that does not exist as text.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return False
    year, month, day, _, hour, minute, second = match.groups()
    try:
        # Go has a year 0, which is a leap year, as 2000 is
        date(int(year) or 2000, int(month), int(day))
        time(int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        return False
    return True


def _number_or_text(kind: str, text: str) -> Scalar:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    digits = text.replace("_", "")
    if kind == "int":
        sign, body = (-1, digits[1:]) if digits[0] == "-" else (1, digits.lstrip("+"))
        octal = re.fullmatch(r"0[oO]?([0-7]+)", body)
        number = sign * (int(octal[1], 8) if octal else int(body, 0) if len(body) < 70 else 2**64)
        if -(2**63) <= number < 2**64:
            return number
    if kind == "infinite":
        return float(digits.replace(".", "").lower())
    try:
        number_or_inf = float(digits)
    except ValueError:
        return text
    return text if math.isinf(number_or_inf) else number_or_inf


def _syntax(error: yaml.MarkedYAMLError, path: Path) -> Fault:
    """Return the YAML parser's error as a fault, with a hint that fits if one is known."""
    problem = error.problem or error.context or "this is not YAML"
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else None
    if "'\\t'" in problem:
        return Fault("there is a tab where YAML needs spaces", path, line, "indent with spaces")
    if "but found another document" in problem:
        what = "a second document starts here, and a Compose file is one document"
        return Fault(what, path, line, "remove the line `---` and what follows it")
    if problem == _INCOMPATIBLE:
        what = "Docker reads YAML 1.1, and this line asks for another version"
        return Fault(what, path, line, "remove the line `%YAML …`")
    if "duplicate anchor" in (error.context or ""):
        what = "there is an anchor of this name further up already"
        return Fault(what, path, line, "give this one another name")
    hint = "look at this line and the one before it: indentation, a colon, a quote, a bracket"
    if "mapping values are not allowed" in problem:
        hint = "indent as the line before, or put a value that holds `: ` into quotes"
    elif "undefined alias" in problem:
        hint = "put the anchor `&name` before the alias `*name`"
    return Fault(f"this is not YAML: {problem}", path, line, hint)


def _shortened(text: str) -> str:
    first = text.splitlines()[0] if text else ""
    return first if first == text and len(first) <= 40 else f"{first[:40]}…"
