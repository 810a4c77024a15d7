"""Environment files: `.env` and `env_file`, read as Compose reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from taskyard.compose.interpolation import Interpolation, Lookup
from taskyard.compose.mistake import Mistake
from taskyard.errors import Fault

_NAME = re.compile(r"(?:export[ \t]+)?([^\n=:]*)([=:]|\n|\Z)")
_ALLOWED = re.compile(r"[\w.\[\]-]+")
_ESCAPE = re.compile(r"\\(?:[abfnrtv$\\]|0[0-3][0-7]{2})")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass
class EnvFile:
    """
    The variables of one file.

    Attributes:
        values: Name to value, in the file's order.
        faults: The lines that cannot be read.
        unset: Variables that the file uses and nothing sets.
    """

    values: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    unset: set[str] = field(default_factory=set)


def read_env_file(path: Path, lookup: Lookup) -> EnvFile:
    """
    Read a file of `NAME=value` lines.

    Args:
        lookup: Looks up the variables that values use; it precedes the file's own earlier lines.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = (error.strerror or "the file cannot be read").lower()
        return EnvFile(faults=[Fault(f"`{path.name}` cannot be read: {reason}", path)])
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        hint = "save the file as UTF-8"
        return EnvFile(faults=[Fault(f"`{path.name}` is not UTF-8", path, line, hint)])
    return parse_env(text, path, lookup)


def parse_env(text: str, path: Path, lookup: Lookup) -> EnvFile:
    """Read the text of an environment file; the path is for messages only."""
    return _Parser(text.replace("\r\n", "\n"), path, lookup).parse()


class _Parser:
    """Parses the text from its start; `_place` is the position reached."""

    def __init__(self, text: str, path: Path, lookup: Lookup) -> None:
        self._text = text
        self._path = path
        self._place = 0
        self._result = EnvFile()
        # The shell's variables override earlier lines, even within the file.
        self._outer = lookup
        self._variables = Interpolation(_chained(lookup, self._result.values), self._result.unset)

    def parse(self) -> EnvFile:
        while self._skip_blank():
            start = self._place
            try:
                self._statement()
            except Mistake as error:
                line = self._text.count("\n", 0, start) + 1
                self._result.faults.append(Fault(str(error), self._path, line, error.hint))
                self._place = self._line_end()
        return self._result

    def _skip_blank(self) -> bool:
        while self._place < len(self._text):
            if self._text[self._place] == "#":
                self._place = self._line_end()
            elif self._text[self._place].isspace():
                self._place += 1
            else:
                return True
        return False

    def _line_end(self) -> int:
        end = self._text.find("\n", self._place)
        return len(self._text) if end < 0 else end

    def _statement(self) -> None:
        match = _NAME.match(self._text, self._place)
        assert match is not None  # the pattern matches even an empty text
        name = match[1].strip()
        if not _ALLOWED.fullmatch(name):
            shown = self._text[self._place : self._line_end()]
            raise Mistake(
                f"`{shown}` does not start with the name of a variable",
                "write `NAME=value`; a comment starts with `#`",
            )
        self._place = match.end()
        if match[2] not in ("=", ":"):  # a name alone passes an outer variable on
            inherited = self._outer(name)
            if inherited is not None:
                self._result.values[name] = inherited
            return
        while self._place < len(self._text) and self._text[self._place] in "\t\v\f\r \x85\xa0":
            self._place += 1
        quote = self._text[self._place : self._place + 1]
        value = self._quoted(quote) if quote in ("'", '"') else self._bare()
        if "\0" in value:
            raise Mistake(f"the value of `{name}` holds a NUL character", "remove it")
        self._result.values[name] = value

    def _bare(self) -> str:
        end = self._line_end()
        value = self._text[self._place : end].partition(" #")[0].rstrip()
        self._place = end
        return self._variables.fill(value)

    def _quoted(self, quote: str) -> str:
        match = re.compile(rf"{quote}((?:\\.|[^\\{quote}])*){quote}", re.DOTALL).match(
            self._text, self._place
        )
        if match is None:
            raise Mistake(
                f"the value that starts with {quote} has no closing {quote}",
                f"close it with {quote}; a value without spaces at its ends needs no quotes",
            )
        self._place = match.end()
        after = self._text[self._place : self._line_end()]
        if after.strip() and not after.lstrip().startswith("#"):
            raise Mistake(
                f"`{after.strip()}` follows the closing {quote}",
                f"put the whole value between two {quote}",
            )
        value = match[1].replace(f"\\{quote}", quote)
        return value if quote == "'" else self._variables.fill(_ESCAPE.sub(_unescaped, value))


def _unescaped(match: re.Match[str]) -> str:
    escape = match[0][1:]
    if escape.startswith("0"):
        return chr(int(escape[1:], 8))
    if escape == "$":
        return "$$"  # the text is interpolated afterwards
    return _ESCAPES.get(escape, escape)


def _chained(lookup: Lookup, values: Mapping[str, str]) -> Lookup:
    def chained(name: str) -> str | None:
        value = lookup(name)
        return values.get(name) if value is None else value

    return chained
