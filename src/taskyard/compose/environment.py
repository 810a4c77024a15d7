"""Read `environment` and `env_file` of a service, and merge them."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from taskyard.compose.document import Value
from taskyard.compose.envfile import read_env_file
from taskyard.compose.interpolation import Lookup
from taskyard.compose.mounts import absolute
from taskyard.compose.shapes import Shapes


@dataclass(frozen=True)
class Surroundings:
    """
    The context in which a service is read.

    Attributes:
        folder: The folder that relative paths are relative to.
        lookup: Looks up the variables of the shell and of `.env`.
    """

    folder: Path
    lookup: Lookup


def read_environment(
    env_file: Value | None, environment: Value | None, shapes: Shapes, around: Surroundings
) -> dict[str, str]:
    """Merge `env_file`, `environment` and the variables that these take from the shell."""
    merged: dict[str, str] = {}

    def lookup(name: str) -> str | None:
        # An earlier file overrides the shell here. Source: `docker compose config`
        value = merged.get(name)
        return around.lookup(name) if value is None else value

    single = env_file is not None and isinstance(env_file.data, str)
    items = [env_file] if single and env_file is not None else shapes.items(env_file)
    for item in items:
        path = _env_path(item, shapes, around.folder)
        if path is None:
            continue
        result = read_env_file(path, lookup)
        shapes.faults.extend(fault for fault in result.faults if fault not in shapes.faults)
        for name in sorted(result.unset):
            shapes.warn(item.line, f"`{path.name}` uses `{name}`, which is not set, so it is empty")
        merged.update(result.values)
    for name, text in shapes.pairs(environment).items():
        merged.pop(name, None)  # even a name without a value overrides the files
        value = around.lookup(name) if text is None else text
        if value is not None:
            merged[name] = value
    return merged


def _env_path(item: Value, shapes: Shapes, folder: Path) -> Path | None:
    required = True
    entry: Value | None = item
    if isinstance(item.data, dict):
        keys = shapes.keys(item, ("path", "required"), ("format",))
        required = shapes.flag(keys.get("required")) is not False
        entry = keys.get("path")
        if entry is None:
            shapes.fault(f"`{item.where}` has no `path`", item.line, "add `path: …`")
    text = shapes.text(entry, filled=True)
    if text is None:
        return None
    path = absolute(text, folder)
    try:
        if not stat.S_ISDIR(path.stat().st_mode):
            return path
        state = "is a folder"
    except (FileNotFoundError, NotADirectoryError):
        if not required:
            return None
        state = "does not exist"
    except OSError as error:
        state = f"cannot be read: {error.strerror}"
    hint = f"create the file, for example by `touch {text}`, or remove it from `env_file`"
    shapes.fault(f"the environment file `{text}` {state}", item.line, hint)
    return None
