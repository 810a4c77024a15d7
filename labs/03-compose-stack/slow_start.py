"""
The learner's stack with a Postgres that starts as slowly as the check wants.

Two gates hold it: `start`, before its program begins, and `ready`, while it fills its disk and
answers on its Unix socket alone. The check opens the gates, and they stay open.
"""

import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from taskyard.compose import Service, read
from taskyard.errors import Fault, TaskyardError
from taskyard.kit.requirement import Unmet, require
from taskyard.kit.stack import COMPOSE_FILE, Stack

SERVICES = ("api", "postgres", "redis")
PASSWORD = "POSTGRES_PASSWORD"
SCRIPTS = ("gates.sh", "filling.sh")
LAB = Path(__file__).parent


def prepare(folder: Path, copy: Path, is_local: bool) -> Path:
    """
    Copy the learner's files to a folder in which the check may change them; return the copy.

    Scripts are called by relative paths, because outside of a container there is no `/gate`.
    """
    refuse_host_network(folder / COMPOSE_FILE)
    project = read(folder / COMPOSE_FILE)  # read here, so that errors name the learner's file
    missing = [name for name in SERVICES if name not in project.services]
    require(
        not missing,
        did="read your compose.yaml",
        saw=f"no service {' and no service '.join(f'`{name}`' for name in missing)}",
        expected="the services `api`, `postgres` and `redis`",
        look_at="compose.yaml, services",
    )
    shutil.copytree(folder, copy, ignore=earlier_data)
    copy.chmod(0o755)
    gate = copy / "gate"
    gate.mkdir()
    gate.chmod(0o777)
    for script in SCRIPTS:
        shutil.copy(LAB / script, gate)
    set_password(copy / ".env", secrets.token_hex(8))
    file = copy / COMPOSE_FILE
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    if is_local:
        for name, service in project.services.items():
            drop_mounts(document["services"][name], service)
    put_gates(document["services"]["postgres"], project.services["postgres"])
    # Volumes of this run alone: one with a name of its own holds what the learner has ordered
    for name in document.get("volumes") or {}:
        entry = document["volumes"][name] or {}
        kept = {key: value for key, value in entry.items() if key not in ("name", "external")}
        document["volumes"][name] = kept
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return copy


@contextmanager
def faults_of(file: Path) -> Iterator[None]:
    """Let faults of the copy name the learner's file."""
    try:
        yield
    except TaskyardError as error:
        raise TaskyardError.of(
            [Fault(one.what, file, hint=one.hint) for one in error.faults]
        ) from error


def refuse_host_network(file: Path) -> None:
    """Raise Unmet for a service in the network of this machine, which the reader only refuses."""
    with suppress(OSError, ValueError, AttributeError, TypeError, yaml.YAMLError):
        services = yaml.safe_load(file.read_text(encoding="utf-8"))["services"]
        shared = [name for name, entry in services.items() if entry.get("network_mode") == "host"]
        if shared:
            raise Unmet(
                "read your compose.yaml",
                f"`{shared[0]}` is in the network of this machine, where every port on which "
                "it listens is open to everybody",
                "services in a network of their own, which Compose makes",
                f"compose.yaml, {shared[0]}, network_mode",
            )


def earlier_data(folder: str, names: list[str]) -> list[str]:
    """Return what is not copied: caches, and the disk of a Postgres that the learner ran here."""
    return [
        name
        for name in names
        if name == "__pycache__" or (Path(folder) / name / "PG_VERSION").exists()
    ]


def put_gates(entry: dict, service: Service) -> None:
    """Change a service's entry in the file so that the gates hold its Postgres up."""
    own = service.entrypoint or ("docker-entrypoint.sh",)
    if not service.entrypoint:
        entry.setdefault("command", ["postgres"])
    entry["entrypoint"] = ["sh", "gates.sh", *(word.replace("$", "$$") for word in own)]
    entry["working_dir"] = "/gate"
    entry["volumes"] = [
        *entry.get("volumes", ()),
        "./gate:/gate",
        "./gate/filling.sh:/docker-entrypoint-initdb.d/zz-gate.sh",
    ]


def drop_mounts(entry: dict, service: Service) -> None:
    """
    Take away the mounts that only a container has, so that processes can stand for it.

    That is each tmpfs, and a volume beside the data of a Postgres: its disk then has no name.
    """
    data = service.environment.get("PGDATA")
    entry.pop("tmpfs", None)
    entry["volumes"] = [
        one
        for one, mount in zip(entry.get("volumes", ()), service.volumes, strict=False)
        if mount.type == "bind"
        or (mount.type == "volume" and (not data or Path(data).is_relative_to(mount.target)))
    ]


def set_password(file: Path, password: str) -> None:
    """Set the password in an `.env`, and keep its other lines."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    lines = [line for line in lines if not re.match(rf"\s*(export\s+)?{PASSWORD}\b", line)]
    file.write_text("\n".join([*lines, f"{PASSWORD}={password}", ""]), encoding="utf-8")


def open_gates(stack: Stack, *names: str) -> None:
    for name in names:
        if stack.project.folder.exists():
            (stack.project.folder / "gate" / name).touch()
