"""Check the fenced blocks of a page: each is compiled, parsed or looked up, by its language."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import yaml

from taskyard.errors import Fault, TaskyardError
from taskyard.pages.page import Fence, Page

Trouble = Iterator[tuple[int, int, str]]
"""Faults of a block, each with its line and column in the block, from 1, and what is wrong."""

_INSTRUCTIONS = """
ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL
STOPSIGNAL USER VOLUME WORKDIR
"""
_DIAGRAMS = """
architecture-beta block-beta classDiagram erDiagram flowchart gantt gitGraph graph journey kanban
mindmap packet-beta pie quadrantChart requirementDiagram sankey-beta sequenceDiagram stateDiagram
stateDiagram-v2 timeline xychart-beta
"""
_PROGRAMS = """
anki arq awk bash brew cat cd celery chmod code cp curl cut date df diff docker du echo env export
find fg flower free git grep head hostname htop id jobs jq jupyter kill kubectl less ls lsof make
mkdir mv nano open pgrep pip ps psql pwd pytest python python3 redis-cli redis-server rm sed seq sh
sleep sort source ss stat sudo tail tar tee test time timeout top touch tr tree true unset unzip uv
uvicorn valkey-cli vim watch wc whoami wsl xdg-open xargs
"""
_PREFIXES = frozenset({"sudo", "time", "env", "exec", "command", "nohup", "!"})
_TIMEOUT_S = 60.0


def how(fence: Fence) -> str:
    """Return what `check` does with a block, in two or three words."""
    return _CHECKS[fence.language][0] if fence.language in _CHECKS else "unknown"


def check(fence: Fence, page: Path, root: Path | None) -> list[Fault]:
    """
    Return the faults of one block, in the terms of its language.

    Args:
        page: The file of the block, for the messages.
        root: As for `trouble`.
    """
    if fence.language not in _CHECKS:
        known = ", ".join(f"`{name}`" for name in _CHECKS)
        what = f"nothing can check a block of `{fence.language}`"
        if not fence.language:
            what = "this block of code names no language"
        return [Fault(what, page, fence.line, f"open it with one of {known}")]
    return [
        Fault(what, page, fence.line + line, "correct the block, or give it another language")
        for line, _, what in trouble(fence.language, fence.text, root)
    ]


def trouble(language: str, text: str, root: Path | None = None) -> Trouble:
    """
    Yield the faults of a text in one of the languages that `check` knows.

    Args:
        root: The repository whose make targets and commands the text may use. None means that the
            text is only parsed, and that nothing in it is looked up.
    """
    try:
        yield from _CHECKS[language][1](text, root)
    except (ValueError, RecursionError, MemoryError) as error:  # a parser's limits
        yield 1, 1, f"this cannot be read: {str(error) or 'it is nested too deeply'}"


def _python(text: str, _root: Path | None) -> Trouble:
    # A cell may begin with one of the course's cell magics, and may use `await` at the top level.
    code = re.sub(r"\A%%\w[^\n]*", "", text)
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(code, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError as error:
        yield error.lineno or 1, error.offset or 1, f"this is not Python: {error.msg.lower()}"


def _yaml(text: str, root: Path | None) -> Trouble:
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.MarkedYAMLError as error:
        line, column = 1, 1
        if mark := error.problem_mark:
            line, column = mark.line + 1, mark.column + 1
        yield line, column, f"this is not YAML: {error.problem}"
        return
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        yield line, 1, f"this is not YAML: {error.reason}"
        return
    except (
        AttributeError,
        LookupError,
        TypeError,
    ) as error:  # PyYAML, for `!!timestamp x`
        yield 1, 1, f"this is not YAML: {error}"
        return
    if root and any(isinstance(one, dict) and "services" in one for one in documents):
        yield from _compose(text)


def _compose(text: str) -> Trouble:
    from taskyard.compose import read

    try:
        read(Path(os.devnull, "compose.yaml"), text=text)  # nothing stands beside it
    except TaskyardError as error:
        for fault in error.faults:
            yield fault.line or 1, 1, fault.what


def _dockerfile(text: str, _root: Path | None) -> Trouble:
    ends: list[str] = []  # the end marks of the here-documents that are open
    continued = False
    for line, content in enumerate(text.splitlines(), 1):
        if ends:
            if content.strip() == ends[0]:
                ends.pop(0)
            continue
        words = content.split()
        if not words or words[0].startswith("#"):
            continue
        if not continued and words[0].upper() not in _INSTRUCTIONS.split():
            column = content.find(words[0]) + 1
            yield line, column, f"`{words[0]}` is not an instruction of a Dockerfile"
        ends = re.findall(r"<<-?[\"']?(\w+)", content)
        continued = content.rstrip().endswith("\\")


def _toml(text: str, _root: Path | None) -> Trouble:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line, column = (int(at[1]), int(at[2])) if at else (len(text.splitlines()), 1)
        yield line, column, f"this is not TOML: {str(error).lower()}"


def _json(text: str, _root: Path | None) -> Trouble:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        yield error.lineno, error.colno, f"this is not JSON: {error.msg.lower()}"


def _diff(text: str, _root: Path | None) -> Trouble:
    for line, content in enumerate(text.splitlines(), 1):
        if content and content[0] not in "+- @\\":
            yield line, 1, "a line of a diff begins with `+`, `-`, `@` or a space"


def _mermaid(text: str, _root: Path | None) -> Trouble:
    lines = [line.split()[0] for line in text.splitlines() if line.strip()]
    first = next((word for word in lines if not word.startswith("%%")), "")
    if first.rstrip(";") not in _DIAGRAMS.split():
        yield 1, 1, f"`{first}` is not a kind of Mermaid diagram"


def _markdown(text: str, root: Path | None) -> Trouble:
    for fence in Page(Path("block"), text).fences:
        for fault in check(fence, Path("block"), root):
            yield fault.line or 1, 1, fault.what


def _text(_text: str, _root: Path | None) -> Trouble:
    yield from ()


def _console(text: str, root: Path | None) -> Trouble:
    commands = list(_commands(text))
    if root and not commands:
        yield 1, 1, "no line begins with `$ `: a block without a command is `text`"
    for line, command in commands:
        bash = _run(("bash", "-n", "-c", command))
        if bash:
            yield line, 3, f"`{command}` is not a command: {bash}"
        elif root:
            for words in _simple_commands(command):
                yield from ((line, 3, what) for what in _unknown(words, root))


def _commands(text: str) -> Iterator[tuple[int, str]]:
    """Yield each command, its continuation lines joined, with the line that it begins in."""
    lines = iter(enumerate(text.splitlines(), 1))
    for line, content in lines:
        if content.startswith("$ "):
            command = content[2:]
            while command.endswith("\\"):
                command = command[:-1] + next(lines, (0, ""))[1].removeprefix("> ").strip()
            yield line, command


def _simple_commands(command: str) -> Iterator[list[str]]:
    """Yield the simple commands of a command line, without assignments and redirections."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    skip = False
    for word in lexer:
        if skip:
            skip = False
        elif re.fullmatch(r"[|&;()]+", word):
            if words:
                yield words
            words = []
        elif re.fullmatch(r"[<>&]+", word):
            skip = True
            if words and words[-1].isdigit():
                words.pop()  # the 2 of `2>file`
        elif words or not (re.match(r"^\w+=", word) or word in _PREFIXES or word == "$"):
            words.append(word)
    if words:
        yield words


def _unknown(words: list[str], root: Path) -> Iterator[str]:
    program, *arguments = words
    name = program if program.startswith("./") else program.rpartition("/")[2]
    if name == "make":
        for before, target in zip(("", *arguments), arguments, strict=False):
            if "=" not in target and not target.startswith("-") and before != "-C":
                said = _run(("make", "-n", "-C", str(root), target))
                if said:
                    yield f"`make {target}` does not exist: {said}"
    elif name.startswith("python") and arguments[:2] == ["-m", "taskyard"]:
        said = _run((sys.executable, "-m", "taskyard", *arguments[2:], "--help"), str(root / "src"))
        if said:
            yield f"`{' '.join(words)}` is not understood: {said}"
    elif name not in _PROGRAMS.split() and not name.startswith("./"):
        yield f"`{name}` is not a program that the course knows: see `_PROGRAMS` in `fence.py`"


@cache
def _run(command: tuple[str, ...], python_path: str = "") -> str:
    """Return the last line that a failing command prints; empty if it succeeds."""
    # Under `make test` these variables would hand the outer make's flags and jobs to `make -n`.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    }
    if python_path:
        environment["PYTHONPATH"] = python_path
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode == 0:
        return ""
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return said[-1] if said else f"it ends with {done.returncode}"


_CHECKS: dict[str, tuple[str, Callable[[str, Path | None], Trouble]]] = {
    "python": ("compiled", _python),
    "console": ("commands looked up", _console),
    "yaml": ("parsed, Compose read", _yaml),
    "dockerfile": ("instructions looked up", _dockerfile),
    "toml": ("parsed", _toml),
    "json": ("parsed", _json),
    "diff": ("parsed", _diff),
    "mermaid": ("kind looked up", _mermaid),
    "markdown": ("its blocks checked", _markdown),
    "text": ("for reading", _text),
}
