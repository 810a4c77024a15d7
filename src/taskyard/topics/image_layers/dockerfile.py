"""Read a Dockerfile into stages and their instructions, each with its line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from taskyard.errors import Fault, TaskyardError

MAKE_LAYERS = ("RUN", "COPY", "ADD", "WORKDIR")
CONFIGURE = (
    *("ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER"),
    *("SHELL", "STOPSIGNAL", "USER", "VOLUME"),
)
KEYWORDS = ("FROM", *MAKE_LAYERS, *CONFIGURE)

_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(\S+)\s*$")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?:(:?[-+?])([^}]*))?\})")


@dataclass(frozen=True)
class Instruction:
    """
    One instruction.

    Attributes:
        line: Its first line, from 1.
        keyword: Its keyword, in capitals.
        flags: Its flags in order, such as `--from=build`.
        rest: Everything after the keyword and the flags, with continued lines joined.
    """

    line: int
    keyword: str
    flags: tuple[str, ...]
    rest: str

    @property
    def text(self) -> str:
        return " ".join((self.keyword, *self.flags, self.rest))

    def flag(self, name: str) -> str | None:
        """Return the value of a flag; empty if the flag has none, None if it is absent."""
        for flag in self.flags:
            key, _, value = flag.removeprefix("--").partition("=")
            if key == name:
                return value
        return None

    def mounts(self) -> Iterator[dict[str, str]]:
        """Yield the keys and values of each `--mount`."""
        for flag in self.flags:
            if flag.startswith("--mount="):
                pairs = (part.partition("=") for part in flag[len("--mount=") :].split(","))
                yield {"type": "bind", **{key: value for key, _, value in pairs}}

    def as_list(self) -> list[str] | None:
        """Return the list of an instruction in the form `["…"]`, or None for the shell form."""
        try:
            found = json.loads(self.rest) if self.rest.startswith("[") else None
        except json.JSONDecodeError:
            return None
        return found if isinstance(found, list) and all(isinstance(x, str) for x in found) else None


@dataclass(frozen=True)
class Stage:
    """
    A stage: a FROM and the instructions that follow it.

    Attributes:
        index: Its number, from 0.
        name: The name after AS, in lower case; empty if there is none.
        base: The image as written, which may contain variables.
        start: The FROM.
    """

    index: int
    name: str
    base: str
    start: Instruction
    instructions: tuple[Instruction, ...] = ()


@dataclass(frozen=True)
class Dockerfile:
    """A Dockerfile; `arguments` are the ARGs before the first FROM."""

    path: Path
    arguments: tuple[Instruction, ...] = ()
    stages: tuple[Stage, ...] = field(default=())

    def stage(self, name: str) -> Stage | None:
        """Return the stage with a name or a number; None if there is none."""
        for stage in self.stages:
            if name.lower() == stage.name or name == str(stage.index):
                return stage
        return None


def read(path: Path) -> Dockerfile:
    """
    Read a Dockerfile.

    Raises:
        TaskyardError: The file is missing, or parts of it cannot be planned; one fault for each.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TaskyardError(f"there is no `{path.name}`", path=path) from None
    return parse(text, path)


def parse(text: str, path: Path = Path("Dockerfile")) -> Dockerfile:
    """Read the text of a Dockerfile; see `read`."""
    faults: list[Fault] = []

    def fault(line: int, what: str, hint: str) -> None:
        faults.append(Fault(what, path, line, hint))

    instructions = [_instruction(line, content, fault) for line, content in _lines(text, fault)]
    arguments: list[Instruction] = []
    stages: list[Stage] = []
    inside: list[Instruction] = []
    for one in (one for one in instructions if one is not None):
        if one.keyword == "FROM":
            inside = []
            stages.append(_stage(len(stages), one, fault))
        elif stages:
            inside.append(one)
            last = stages[-1]
            stages[-1] = Stage(last.index, last.name, last.base, last.start, tuple(inside))
        elif one.keyword == "ARG":
            arguments.append(one)
        else:
            fault(one.line, f"`{one.keyword}` comes before the first FROM", "begin with FROM")
    if not stages and not faults:
        fault(1, "a Dockerfile needs a FROM", "begin with FROM, such as `FROM python:3.13-slim`")
    if faults:
        raise TaskyardError.of(faults)
    return Dockerfile(path, tuple(arguments), tuple(stages))


Complain = Callable[[int, str, str], None]


def _lines(text: str, fault: Complain) -> Iterator[tuple[int, str]]:
    """Yield the instructions, without comments and with continued lines joined, and their lines."""
    joined, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            directive = _DIRECTIVE.match(line)
            if directive and directive[1].lower() == "escape" and directive[2] != "\\":
                fault(number, "an escape character other than `\\` cannot be planned", "remove it")
            continue
        if not line.strip():
            continue
        if not joined:
            start, line = number, line.lstrip()
        content = line.rstrip()
        joined += content.removesuffix("\\")
        if not content.endswith("\\"):
            yield start, joined
            joined = ""
    if joined.strip():
        yield start, joined


def _instruction(line: int, content: str, fault: Complain) -> Instruction | None:
    word, _, rest = content.partition(" ")
    keyword = word.upper()
    if keyword not in KEYWORDS:
        close = get_close_matches(keyword, KEYWORDS, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(KEYWORDS)}"
        what = f"`{word}` is not an instruction that can be planned"
        fault(line, what, hint)
        return None
    flags: list[str] = []
    rest = rest.strip()
    while match := re.match(r"--[a-z]\S*", rest):
        flags.append(match[0])
        rest = rest[match.end() :].lstrip()
    if keyword in MAKE_LAYERS and re.search(r"(?:^|\s)\d*<<-?[\"']?[A-Za-z_]", rest):
        what = "a here-document cannot be planned"
        fault(line, what, "write the lines into a file and copy it, or join them with `&&`")
        return None
    if not rest:
        fault(line, f"`{keyword}` has nothing after it", f"see `{keyword}` in Docker's reference")
        return None
    return Instruction(line, keyword, tuple(flags), rest)


def _stage(index: int, start: Instruction, fault: Complain) -> Stage:
    words = start.rest.split()
    if len(words) == 3 and words[1].upper() == "AS":
        return Stage(index, words[2].lower(), words[0], start)
    if len(words) != 1:
        fault(start.line, f"`FROM {start.rest}` is not `FROM image AS name`", "write it so")
    return Stage(index, "", words[0], start)


def words(text: str, variables: Mapping[str, str]) -> list[str]:
    """Split a text into words as Docker does: quotes group, and variables are filled in."""
    found: list[str] = []
    word, inside, place = "", False, 0
    quote = ""
    while place < len(text):
        character = text[place]
        variable = _VARIABLE.match(text, place) if quote != "'" else None
        if variable:
            word, inside, place = word + _value(variable, variables), True, variable.end()
            continue
        if character == "\\" and quote != "'" and place + 1 < len(text):
            word, inside, place = word + text[place + 1], True, place + 1
        elif quote:
            quote = "" if character == quote else quote
            word += character if quote else ""
        elif character in "\"'":
            quote, inside = character, True
        elif not character.isspace():
            word, inside = word + character, True
        elif inside:
            found.append(word)
            word, inside = "", False
        place += 1
    return [*found, word] if inside else found


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name, how, other = match[1] or match[2], match[3] or "", match[4] or ""
    value = variables.get(name)
    is_there = bool(value) if how.startswith(":") else value is not None
    if how.endswith("+"):
        return other if is_there else ""
    return value if is_there and value is not None else other if how.endswith("-") else ""


def pairs(instruction: Instruction, variables: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables that an ENV or ARG sets; the value is None for an ARG without one."""
    if instruction.keyword == "ENV" and "=" not in instruction.rest.split()[0]:
        name, _, value = instruction.rest.partition(" ")
        return {name: " ".join(words(value, variables))}
    split = (word.partition("=") for word in words(instruction.rest, variables))
    return {name: value if equals else None for name, equals, value in split}
