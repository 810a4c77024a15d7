"""Which source of a container's variable overrides which, as cases that can be run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from taskyard.compose import read

NAME = "GREETING"

FILE = """\
services:
  api:
    build: .
"""

INTERPOLATED = f"${{{NAME}:-default}}"
LITERAL = "environment"
IMAGE = "Dockerfile"
DOCKERFILE = f"FROM python:3.13-slim\nENV {NAME}={IMAGE}\n"


@dataclass(frozen=True)
class Case:
    """
    One way to set the variable. Each place, and the Dockerfile, sets it to its own name.

    Attributes:
        entry: The value of the variable under `environment`; None for a bare name, and empty if
            the variable is not listed.
        places: Those of `shell`, `--env-file`, `.env` and `env_file` that set it.
    """

    entry: str | None
    places: tuple[str, ...]

    @property
    def line(self) -> str:
        """The entry's line in the Compose file; empty if it is not listed."""
        return "" if self.entry == "" else f"{NAME}: {self.entry or ''}".rstrip()

    @property
    def shell(self) -> Mapping[str, str]:
        """The variables of the shell."""
        return {NAME: "shell"} if "shell" in self.places else {}

    @property
    def options(self) -> tuple[str, ...]:
        """The options for `docker compose`."""
        return ("--env-file", "other.env") if "--env-file" in self.places else ()


CASES = (
    Case(INTERPOLATED, ("shell", "--env-file", ".env")),
    Case(INTERPOLATED, ("--env-file", ".env")),
    Case(INTERPOLATED, (".env",)),
    Case(INTERPOLATED, ()),
    Case(LITERAL, ("shell", ".env", "env_file")),
    Case(None, ("shell", ".env", "env_file")),
    Case(None, (".env", "env_file")),
    Case(None, ("env_file",)),
    Case("", ("shell", ".env", "env_file")),
    Case("", ("shell", ".env")),
)


def lay_out(case: Case, folder: Path) -> Path:
    """Write the files of a case; return the Compose file."""
    folder.mkdir(parents=True, exist_ok=True)
    text = FILE
    if "env_file" in case.places:
        text += "    env_file: [api.env]\n"
    if case.entry != "":
        text += f"    environment:\n      {case.line}\n"
    (folder / "compose.yaml").write_text(text)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    for place, name in (("--env-file", "other.env"), (".env", ".env"), ("env_file", "api.env")):
        file = folder / name
        file.unlink(missing_ok=True)
        if place in case.places:
            file.write_text(f"{NAME}={place}\n")
    return folder / "compose.yaml"


def value(case: Case, folder: Path) -> str | None:
    """
    Return the value that a process in the container sees; None if the variable is not set.

    If Compose does not set it, the image's `ENV` applies. A bare name that nothing sets does count:
    Compose passes it on without a value, which removes the image's.
    """
    path = lay_out(case, folder)
    named = [folder / "other.env"] if "--env-file" in case.places else None
    found = read(path, case.shell, named).services["api"].environment.get(NAME)
    return IMAGE if found is None and case.entry is not None else found
