"""Passwords that stand in a Compose file itself."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from taskyard.compose.interpolation import Interpolation
from taskyard.compose.mistake import Mistake
from taskyard.kit.requirement import require

LAB = Path(__file__).parent
STAND_IN = "a-stand-in-for-every-variable"


def require_none(text: str, variable: str) -> None:
    """
    Require that a Compose file holds no password.

    Args:
        text: What the file holds.
        variable: The variable that stands for the password.

    Raises:
        Unmet: It holds one: as a default, in an address, or the one that was there before.
    """
    for place, written in texts(yaml.safe_load(text)):
        require(
            not (left := default(written, variable)),
            did="read compose.yaml where no `.env` is",
            saw=f"`{place}` becomes `{left}`, which everybody can read in the file",
            expected="no password, and so no stack",
            look_at=f"compose.yaml, {place}: `:-` gives a default, `:?` asks for a value",
        )
    old = old_password()
    line = line_of(text, old)
    require(
        not line,
        did=f"looked for `{old}` in compose.yaml, because Git has it for ever",
        saw=f"line {line} holds it: `{text.splitlines()[line - 1].strip()}`",
        expected="the old password nowhere, in no comment, label or command either",
        look_at=f"compose.yaml:{line}",
    )
    for place, written in texts(yaml.safe_load(text)):
        require(
            not (found := in_address(written)),
            did="read the addresses in compose.yaml",
            saw=f"`{place}` holds the password `{found}`, whichever server it is for",
            expected="passwords that come from `.env`, all of them",
            look_at=f"compose.yaml, {place}",
        )


def old_password() -> str:
    """Return the password of the starter, which is in git for ever."""
    starter = yaml.safe_load((LAB / "starter" / "compose.yaml").read_text(encoding="utf-8"))
    return starter["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"]


def texts(value: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text of a document, with the name of the entry that it belongs to."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from texts(entry, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, place)
    elif isinstance(value, str):
        yield place, value


def filled(text: str, variables: Mapping[str, str]) -> str | None:
    """Fill in the variables of a text as Compose does; None if it refuses to."""
    try:
        return Interpolation(variables.get).fill(text)
    except Mistake:
        return None


def default(text: str, variable: str) -> str:
    """Return what a text becomes without a variable, if something takes the variable's place."""
    given, missing = filled(text, {variable: STAND_IN}), filled(text, {})
    if given is None or missing is None or STAND_IN not in given:
        return ""
    return missing if missing != given.replace(STAND_IN, "") else ""


class Everything(dict[str, str]):
    """Variables of which each is set."""

    def get(self, name: str, default: object = None) -> str:
        return STAND_IN


def in_address(text: str) -> str:
    """Return the password in an address, unless it comes from a variable."""
    for word in re.findall(r"\w+://\S+", filled(text, Everything()) or ""):
        try:
            password = urlsplit(word).password or ""
        except ValueError:
            continue
        if password and STAND_IN not in password and "$" not in password:  # `$$` is the shell's
            return password
    return ""


def line_of(text: str, word: str) -> int:
    """Return the first line that holds a word, from 1; 0 if none does."""
    numbered = enumerate(text.splitlines(), start=1)
    return next((number for number, line in numbered if word in line), 0)
