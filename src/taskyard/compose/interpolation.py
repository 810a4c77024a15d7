"""Variables in a Compose file: `$A`, `${A}`, `${A:-default}`, `${A:?message}`, `$$`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from taskyard.compose.mistake import Mistake

Lookup = Callable[[str], str | None]
"""Returns a variable's value, or None if nothing sets it."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+?])(.*))?", re.DOTALL)


@dataclass
class Interpolation:
    """
    Fills in variables as Compose does.

    Attributes:
        lookup: Looks up the values.
        unset: Variables without a value and a default that became empty.
    """

    lookup: Lookup
    unset: set[str] = field(default_factory=set)

    def fill(self, text: str) -> str:
        """
        Replace the variables of a text.

        A default or a message is filled in even if it is not needed, as in Compose:
        `${A:-${B:?say B}}` is an error without `B`, whatever `A` is.

        Raises:
            Mistake: A required variable is not set, or a `${` cannot be read.

        Source: Compose specification, "Interpolation".
        """
        filled: list[str] = []
        rest = text
        while True:
            before, dollar, rest = rest.partition("$")
            filled.append(before)
            if not dollar:
                return "".join(filled)
            if rest.startswith("$"):
                filled.append("$")
                rest = rest[1:]
            elif rest.startswith("{"):
                end = _closing_brace(rest)
                filled.append(self._braced(rest[1:end]))
                rest = rest[end + 1 :]
            elif name := _PLAIN.match(rest):
                filled.append(self._value(name[0]))
                rest = rest[name.end() :]
            else:
                filled.append("$")  # Compose leaves `$1` and `$ ` alone

    def _braced(self, inner: str) -> str:
        match = _BRACED.fullmatch(inner)
        if match is None:
            raise Mistake(
                f"`${{{inner}}}` is not a variable that Compose can read",
                "write `${NAME}`, `${NAME:-default}` or `${NAME:?message}`; "
                "a dollar sign for the shell is `$$`",
            )
        name, operator, word = match[1], match[2], match[3]
        if operator is None:
            return self._value(name)
        value, word = self.lookup(name), self.fill(word)
        has_value = bool(value) if operator.startswith(":") else value is not None
        if operator.endswith("+"):
            return word if has_value else ""
        if has_value and value is not None:
            return value
        if operator.endswith("-"):
            return word
        state = "is not set" if value is None else "is empty"
        raise Mistake(
            f"the variable `{name}` {state}" + (f": {word}" if word else ""),
            f"add the line `{name}=…` to the file `.env` beside the Compose file, "
            f"or run `export {name}=…` first",
        )

    def _value(self, name: str) -> str:
        value = self.lookup(name)
        if value is None:
            self.unset.add(name)
        return value or ""


def _closing_brace(text: str) -> int:
    """Return the place of the brace that closes the first; a default may hold braces of its own."""
    for opening in ("{", "${"):  # if a lone `{` never closes, as in `${A:-{x}`, it does not count
        depth = 1
        for place in range(1, len(text)):
            if text[place] == "}":
                depth -= 1
                if not depth:
                    return place
            elif text.startswith(opening, place + 1 - len(opening)):
                depth += 1
    raise Mistake(
        f"`${text.splitlines()[0]}` has no closing brace",
        "close it with `}`, or write `$$` for a dollar sign",
    )
