"""Read a Compose file into a project, or report every fault of the file at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from taskyard.compose.declarations import read_declared
from taskyard.compose.document import Value, parse
from taskyard.compose.envfile import read_env_file
from taskyard.compose.environment import Surroundings
from taskyard.compose.interpolation import Interpolation
from taskyard.compose.model import Project, Service
from taskyard.compose.mounts import absolute
from taskyard.compose.references import check_references
from taskyard.compose.service import read_service
from taskyard.compose.shapes import Shapes
from taskyard.errors import Fault, TaskyardError

_DECLARED = ("networks", "volumes", "secrets", "configs")
NAME_VARIABLE = "COMPOSE_PROJECT_NAME"

_READ = ("name", "version", "services", *_DECLARED)
_NOT_READ = ("include", "models")
_NAME = re.compile(r"[a-zA-Z0-9._-]+")
_PROJECT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def read(
    path: Path,
    environ: Mapping[str, str] | None = None,
    env_files: Sequence[Path] | None = None,
    text: str | None = None,
) -> Project:
    """
    Read a Compose file as `docker compose` does, with the services of every profile.

    The variable `COMPOSE_PROJECT_NAME` always has a value: unless it is set, it is the project's
    name, which comes from `name:` or from the folder.

    Args:
        environ: The variables of the shell; None means those of this process.
        env_files: Files with further variables. Later files override earlier ones, and the shell
            overrides all. None means the `.env` beside the Compose file, if there is one.
        text: What the file holds, or would hold at this place. None means that it is read.

    Raises:
        TaskyardError: One fault, with its line, for everything that is wrong with the file.
    """
    path = absolute(str(path), Path.cwd())
    environ = os.environ if environ is None else environ
    shapes = Shapes(path)
    set_somewhere = _variables(path, environ, env_files, shapes)
    variables = {NAME_VARIABLE: _close_name(path.parent.name), **set_somewhere}
    text = _text(path) if text is None else text

    def substitute(part: str, line: int) -> str:
        if "$" not in part:
            return part
        interpolation = Interpolation(variables.get)
        filled = interpolation.fill(part)
        for name in sorted(interpolation.unset):
            shapes.warn(line, f"the variable `{name}` is not set, so it becomes empty")
        return filled

    try:
        document = parse(text, path, shapes.faults, substitute)
        project = _project(document, path, shapes, variables) if document is not None else None
    except RecursionError:
        what = "the file is nested too deeply to be read"
        raise TaskyardError(what, path=path, hint="look for lists or maps in each other") from None
    if shapes.faults or project is None:
        raise TaskyardError.of(_ordered(shapes.faults, path))
    if project.name and NAME_VARIABLE not in set_somewhere:
        return read(path, {**environ, NAME_VARIABLE: project.name}, env_files, text)
    return project


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        hint = "check the path, or create the file"
        raise TaskyardError(f"there is no file `{path.name}`", path=path, hint=hint) from None
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        what = f"`{path.name}` cannot be read: {reason}"
        raise TaskyardError(what, path=path, hint=f"look at `ls -l {path.name}`") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        what = f"`{path.name}` is not UTF-8"
        raise TaskyardError(what, path=path, line=line, hint="save it as UTF-8") from None


def _variables(
    path: Path, environ: Mapping[str, str], env_files: Sequence[Path] | None, shapes: Shapes
) -> dict[str, str]:
    """Return the variables for `${…}`: those of the files, overridden by those of the shell."""
    if env_files is None:
        beside = path.parent / ".env"
        env_files = [beside] if beside.is_file() else []
    found: dict[str, str] = {}
    for env_file in env_files:
        result = read_env_file(env_file, {**found, **environ}.get)
        shapes.faults.extend(result.faults)
        for name in sorted(result.unset):
            shapes.warnings.append(f"{env_file.name}: `{name}` is not set, so it becomes empty")
        found.update(result.values)
    return {**found, **environ}


def _project(document: Value, path: Path, shapes: Shapes, variables: Mapping[str, str]) -> Project:
    if not isinstance(document.data, dict):
        what = f"the file must be a map with `services:`, but is {document.kind}"
        shapes.fault(what, document.line, "start it with a line `services:`")
        return Project(None, path, {})
    keys = shapes.keys(document, _READ, _NOT_READ)
    if "version" in keys:
        shapes.text(keys["version"])
        line = keys["version"].line
        shapes.warn(line, "`version` is obsolete and has no effect; remove the line")
    if not shapes.faults and ("services" not in keys or keys["services"].data == {}):
        what = "the file has no services"
        shapes.fault(what, document.line, "add `services:`, with an entry for each service")
    services = _services(keys.get("services"), shapes, Surroundings(path.parent, variables.get))
    declared = {
        kind: read_declared(kind, keys.get(kind), path.parent, shapes) for kind in _DECLARED
    }
    for kind in ("services", *_DECLARED):
        _check_names(keys.get(kind), shapes)
    check_references(services, declared, shapes)
    return Project(
        name=_project_name(keys.get("name"), shapes),
        path=path,
        services=services,
        volumes=declared["volumes"],
        networks=declared["networks"],
        warnings=tuple(shapes.warnings),
    )


def _services(value: Value | None, shapes: Shapes, around: Surroundings) -> dict[str, Service]:
    return {
        name: read_service(name, entry, shapes, around)
        for name, entry in shapes.mapping(value).items()
    }


def _check_names(value: Value | None, shapes: Shapes) -> None:
    for name, entry in value.data.items() if value and isinstance(value.data, dict) else ():
        if not _NAME.fullmatch(name):
            what = f"`{name}` cannot be a name"
            shapes.fault(what, entry.line, "use letters, digits, `_`, `.` and `-`")


def _project_name(value: Value | None, shapes: Shapes) -> str | None:
    name = shapes.text(value, filled=True)
    if name is None or value is None or _PROJECT_NAME.fullmatch(name):
        return name
    close = _close_name(name)
    hint = f"did you mean `{close}`?" if close else "start with a letter or digit"
    what = f"`{name}` cannot be a project's name, which has lower-case letters, digits, `_` and `-`"
    shapes.fault(what, value.line, hint)
    return None


def _close_name(text: str) -> str:
    """Turn a text into a project's name, by dropping the characters that a name may not have."""
    return re.sub(r"[^a-z0-9_-]", "", text.lower()).lstrip("_-")


def _ordered(faults: Sequence[Fault], path: Path) -> list[Fault]:
    """Sort faults by line, those of other files first, and drop those that an alias repeats."""
    return sorted(dict.fromkeys(faults), key=lambda fault: (fault.path == path, fault.line or 0))
