"""Read values as texts, numbers, lists and maps, and report those of the wrong shape."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from taskyard.compose.document import Value, is_faulty
from taskyard.compose.keys import EXAMPLES
from taskyard.compose.mistake import Mistake
from taskyard.compose.units import seconds, size_bytes
from taskyard.errors import Fault

_TRUE = ("true", "yes", "y", "on")
_FALSE = ("false", "no", "n", "off")


class Shapes:
    """
    Reads the values of one file.

    A method returns None, or an empty container, if the value is absent or wrong; a wrong value
    also adds to `faults`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faults: list[Fault] = []
        self.warnings: list[str] = []

    def fault(self, what: str, line: int | None, hint: str) -> None:
        """Report that something in a line is wrong."""
        self.faults.append(Fault(what, self.path, line, hint))

    def warn(self, line: int, sentence: str) -> None:
        """Report something that Compose accepts and a reader should know, unless it is a repeat."""
        warning = f"{self.path.name}:{line}: {sentence}"
        if warning not in self.warnings:
            self.warnings.append(warning)

    def wrong(self, value: Value, wanted: str) -> None:
        """Report that a value is not of the wanted kind, such as `a list`."""
        if is_faulty(value):
            return
        key = value.where.rpartition(".")[2]
        example = EXAMPLES.get(key, "")
        if value.data is None:
            hint = f"write a value, such as {example}" if example else "write a value"
            self.fault(f"`{value.where}` is empty", value.line, f"{hint}, or remove the line")
            return
        hint = f"for example {example}" if example else f"write {wanted}"
        if wanted == "a text" and isinstance(value.data, bool | int | float):
            hint = f'write it in quotes: `"{value.written}"`'
        what = f"`{value.where}` must be {wanted}, but is {value.kind}"
        self.fault(what, value.line, hint)

    def mapping(self, value: Value | None) -> Mapping[str, Value]:
        """Read a map, whatever its keys are."""
        if value is None:
            return {}
        if isinstance(value.data, dict):
            return value.data
        self.wrong(value, "a map")
        return {}

    def keys(
        self,
        value: Value | None,
        known: Collection[str],
        not_read: Collection[str] = (),
    ) -> dict[str, Value]:
        """
        Read a map with known keys. Other keys are faults, except those that begin with `x-`.

        Args:
            known: The keys that Taskyard reads.
            not_read: The keys that Compose knows and Taskyard does not read.
        """
        found: dict[str, Value] = {}
        for key, entry in self.mapping(value).items():
            if key in known:
                found[key] = entry
            elif key.startswith("x-"):
                continue
            elif key in not_read:
                what = f"`{entry.where}` is part of Compose, but Taskyard does not read `{key}`"
                self.fault(
                    what,
                    entry.line,
                    "remove it, or start the file with `docker compose up` yourself",
                )
            else:
                close = get_close_matches(key, [*known, *not_read], n=1)
                hint = f"did you mean `{close[0]}`?" if close else f"remove `{key}`"
                self.fault(f"`{entry.where}` is not a key of Compose", entry.line, hint)
        return found

    def items(self, value: Value | None) -> Sequence[Value]:
        """Read a list."""
        if value is None:
            return ()
        if isinstance(value.data, list):
            return value.data
        self.wrong(value, "a list")
        return ()

    def text(self, value: Value | None, *, filled: bool = False) -> str | None:
        """
        Read a text.

        Args:
            filled: Whether an empty text is a fault.
        """
        if value is None or is_faulty(value):
            return None
        if not isinstance(value.data, str):
            self.wrong(value, "a text")
            return None
        if filled and not value.data.strip():
            self.fault(f"`{value.where}` is an empty text", value.line, "write a value")
            return None
        return value.data

    def texts(self, value: Value | None, *, unique: bool = True) -> tuple[str, ...]:
        """Read a list of texts; with `unique`, a text that occurs twice is a fault."""
        found: list[str] = []
        for item in self.items(value):
            text = self.text(item)
            if text is None:
                continue
            if unique and text in found:
                what = f"`{item.where}` repeats `{text}`"
                self.fault(what, item.line, "remove one of the two")
            else:
                found.append(text)
        return tuple(found)

    def choice(self, value: Value | None, options: Sequence[str]) -> str | None:
        """Read a text that is one of a few."""
        text = self.text(value)
        if text is None or value is None or text in options:
            return text
        close = get_close_matches(text, options, n=1)
        listed = ", ".join(f"`{option}`" for option in options)
        hint = f"did you mean `{close[0]}`?" if close else f"write one of {listed}"
        self.fault(f"`{value.where}` cannot be `{text}`", value.line, hint)
        return None

    def flag(self, value: Value | None, *, quoted: bool = True) -> bool | None:
        """
        Read true or false.

        Args:
            quoted: Whether it may be a text such as `"true"`.
        """
        if value is None or isinstance(value.data, bool) or is_faulty(value):
            return value.data if value is not None and isinstance(value.data, bool) else None
        text = value.data.lower() if isinstance(value.data, str) and quoted else ""
        if text in _TRUE or text in _FALSE:
            answer = text in _TRUE
            if text not in ("true", "false"):
                plain = str(answer).lower()
                self.warn(value.line, f"`{text}` is text in YAML 1.2; write `{plain}`")
            return answer
        self.wrong(value, "`true` or `false`")
        return None

    def whole(self, value: Value | None, most: int = 2**63 - 1) -> int | None:
        """
        Read a whole number that is not negative; it may be in quotes.

        Args:
            most: The largest number allowed; the default is Docker's own limit.
        """
        if value is None or is_faulty(value):
            return None
        data = value.data
        if isinstance(data, str):
            data = int(data) if re.fullmatch(r"[-+]?[0-9]{1,18}", data) else None
        elif isinstance(data, float) and data.is_integer():
            data = int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.wrong(value, "a whole number")
            return None
        if data < 0:
            self.fault(f"`{value.where}` is below zero", value.line, "write a number from 0")
            return None
        if data > most:
            what = f"`{value.where}` is `{value.written}`, but can be {most} at most"
            self.fault(what, value.line, "write a smaller number")
            return None
        return data

    def number(self, value: Value | None) -> float | None:
        """Read a number that is not negative; it may be in quotes."""
        if value is None or is_faulty(value):
            return None
        data = value.data
        if isinstance(data, str) and re.fullmatch(r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?", data):
            try:
                data = float(data)
            except ValueError:
                data = None
        if isinstance(data, bool) or not isinstance(data, int | float) or not math.isfinite(data):
            self.wrong(value, "a number")
            return None
        if data < 0:
            self.fault(f"`{value.where}` is below zero", value.line, "write a number from 0")
            return None
        return float(data)

    def duration(self, value: Value | None) -> float | None:
        """Read a duration, in seconds."""
        if value is not None and isinstance(value.data, int | float) and value.data is not True:
            what = f"the duration `{value.where}` has no unit: `{value.written}`"
            self.fault(what, value.line, f"write `{value.written}s` for seconds")
            return None
        text = self.text(value)
        if text is None or value is None:
            return None
        try:
            return seconds(text)
        except Mistake as mistake:
            self.fault(f"`{value.where}`: {mistake}", value.line, mistake.hint)
            return None

    def size(self, value: Value | None, *, plain_number: bool = False) -> int | None:
        """
        Read a size, in bytes.

        Args:
            plain_number: Whether a number without quotes is a size too.
        """
        if plain_number and value is not None and isinstance(value.data, int):
            return self.whole(value)
        text = self.text(value)
        if text is None or value is None:
            return None
        try:
            return size_bytes(text)
        except Mistake as mistake:
            self.fault(f"`{value.where}`: {mistake}", value.line, mistake.hint)
            return None

    def pairs(self, value: Value | None) -> dict[str, str | None]:
        """
        Read a map of names to scalars, or a list of `NAME=value`.

        Returns:
            Name to text; None for a name without a value.
        """
        pairs: dict[str, str | None] = {}
        if value is None:
            return pairs
        if isinstance(value.data, dict):
            for name, entry in value.data.items():
                if self._is_name(name, entry) and not is_faulty(entry):
                    pairs[name] = self._scalar_text(entry)
        elif isinstance(value.data, list):
            for item in value.data:
                text = self.text(item)
                if text is None:
                    continue
                name, equals, rest = text.partition("=")
                if self._is_name(name, item):
                    if name in pairs:
                        what = f"`{value.where}` sets `{name}` twice"
                        self.fault(what, item.line, "remove one of the two")
                    pairs[name] = rest if equals else None
        else:
            self.wrong(value, "a map or a list")
        return pairs

    def plain(self, value: Value) -> Any:
        """Return a value as plain lists, dicts and scalars."""
        if isinstance(value.data, dict):
            return {key: self.plain(entry) for key, entry in value.data.items()}
        if isinstance(value.data, list):
            return [self.plain(item) for item in value.data]
        return value.data

    def _is_name(self, name: str, value: Value) -> bool:
        if name and "=" not in name:
            return True
        what = f"`{value.where}` has a name with a `=`" if name else f"`{value.where}` has no name"
        self.fault(what, value.line, "write `NAME=value`")
        return False

    def _scalar_text(self, value: Value) -> str | None:
        """Return the text into which Compose turns a scalar."""
        data = value.data
        if data is None:
            return None
        if isinstance(data, str):
            return data
        if isinstance(data, bool):
            return "true" if data else "false"
        if isinstance(data, int | float) and math.isfinite(data):
            text = str(data) if isinstance(data, int) else _go_float(data)
            if text != value.written:
                self.warn(
                    value.line,
                    f"`{value.where}` is a number and becomes `{text}`; "
                    f'write `"{value.written}"` to keep it as it is',
                )
            return text
        self.wrong(value, "a text, a number, `true` or `false`")
        return None


def _go_float(number: float) -> str:
    """Format a number as Go does: shortest digits, with an exponent from 1e+06 up, 1e-05 down."""
    shortest = Decimal(repr(number)).normalize()
    exponent = shortest.adjusted()
    if -4 <= exponent < 6:
        return format(shortest, "f")
    return f"{format(shortest.scaleb(-exponent), 'f')}e{exponent:+03d}"
