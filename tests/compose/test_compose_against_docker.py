"""The Compose reader answers what `docker compose config` answers, field by field."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from compose_cases import BAD, ENVIRON, GOOD, lay_out

from taskyard.compose import Mount, Port, Project, Resources, Service, read
from taskyard.compose.units import seconds
from taskyard.errors import TaskyardError
from taskyard.files import ROOT

LABS = ROOT / "labs"

CHECKED_ONLY = (
    *("cap_drop", "develop", "expose", "init", "labels", "logging", "read_only"),
    *("security_opt", "shm_size"),
)
"""Keys whose values nothing reads: the model has no place for them."""

Plain = dict[str, Any]


def lab_variants() -> list[tuple[Path, str]]:
    """Return each lab's folder with `starter`, `solution` and each `wrong/NAME`."""
    return [
        (lab, str(variant.relative_to(lab)))
        for lab in sorted(LABS.iterdir() if LABS.is_dir() else ())
        for variant in [lab / "starter", lab / "solution", *sorted(lab.glob("wrong/*"))]
        if variant.is_dir() and (lab / "starter").is_dir()
    ]


@pytest.fixture(scope="module", autouse=True)
def compose_version() -> str:
    """Ask for the Compose plugin; no engine is needed here."""
    docker = shutil.which("docker")
    command = [docker or "docker", "compose", "version", "--short"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=60)
        reason = "" if found.returncode == 0 else "`docker compose version` failed"
    except FileNotFoundError:
        reason = "there is no `docker`"
    if not reason:
        return found.stdout.strip()
    if "docker" in os.environ.get("TASKYARD_REQUIRE", ""):
        pytest.fail(f"TASKYARD_REQUIRE=docker is set, but {reason}")
    pytest.skip(reason)


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.stem)
def test_the_reader_answers_as_compose_does(case: Path, tmp_path: Path) -> None:
    """A test's file means to the reader what it means to Compose."""
    file = lay_out(case, tmp_path)
    answer = config(file, ENVIRON)
    assert isinstance(answer, dict), answer
    project = read(file, ENVIRON)
    assert from_compose(answer) == from_reader(project, answer["name"])


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.stem)
def test_compose_refuses_what_the_reader_refuses(case: Path, tmp_path: Path) -> None:
    """A file that is wrong for the reader is wrong for Compose."""
    file = lay_out(case, tmp_path)
    with pytest.raises(TaskyardError):
        read(file, ENVIRON)
    assert isinstance(config(file, ENVIRON), str)


@pytest.mark.parametrize(
    ("lab", "variant"), lab_variants(), ids=lambda part: getattr(part, "name", part)
)
def test_the_reader_answers_as_compose_does_on_a_lab(
    lab: Path, variant: str, tmp_path: Path
) -> None:
    """A lab's file means to the reader what it means to Compose, or both refuse it."""
    layers = {"starter": ["starter"], "solution": ["starter", "solution"]}
    for layer in layers.get(variant, ["starter", "solution", variant]):
        if (lab / layer).is_dir():
            shutil.copytree(lab / layer, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "compose.yaml"
    if not file.exists():
        pytest.skip("this lab has no compose.yaml")
    if (tmp_path / ".env.example").exists() and not (tmp_path / ".env").exists():
        shutil.copy(tmp_path / ".env.example", tmp_path / ".env")
    answer = config(file, ENVIRON)
    if isinstance(answer, str):
        with pytest.raises(TaskyardError):
            read(file, ENVIRON)
    else:
        assert from_compose(answer) == from_reader(read(file, ENVIRON), answer["name"])


@pytest.mark.parametrize(
    "command",
    [
        "a\\ b",
        '\'a\\b\' "a\\b" "a\\"b"',
        "a '' \"\" b",
        "a\tb\nc",
        "x2>y",
        "12>y",
        "a;b",
        "a&",
        '"x(y)" $$(z "w) v"',
        "`a b`c",
        "{a,b} *? ~/x !y # z",
        '"it\'s"',
        "a='b c'd",
        "a \\",
        "a ' b",
        "(a)",
        "a)",
        "`a",
        "$$(a",
    ],
)
def test_a_command_is_split_as_compose_splits_it(command: str, tmp_path: Path) -> None:
    """Quotes, backslashes and signs of the shell mean the same, or both refuse the command."""
    file = tmp_path / "compose.yaml"
    file.write_text(json.dumps({"services": {"a": {"image": "i", "command": command}}}))
    answer = config(file, ENVIRON)
    if isinstance(answer, str):
        with pytest.raises(TaskyardError, match="command"):
            read(file, ENVIRON)
    else:
        expected = [word.replace("$$", "$") for word in answer["services"]["a"]["command"]]
        assert expected == list(read(file, ENVIRON).services["a"].command or ())


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01",
        "2024-1-1",
        "0000-02-29",
        "2024-01-01 10:00:00",
        "2024-1-1 1:02:03.123456789",
        "2024-01-01T1:2:3Z",
        "2024-01-01t10:00:00.5+02:00",
        "2024-01-01T10:00:00,5-05:30",
        "2024-02-30",
        "2024-13-01",
        "2023-02-29",
        "2024-01-01T24:00:00Z",
        "2024-01-01 10:60:00",
        "2024-01-01T10:00:00",
        "2024-01-01T10:00Z",
        "2024-01-01 10:00:00Z",
        "2024-01-01 10:00:00 +02:00",
        "2024-01-01 10:00",
        "2024-01",
        "2024-001-01",
        "24-01-01",
        "+2024-01-01",
    ],
)
def test_the_reader_refuses_the_dates_that_compose_rewrites(text: str, tmp_path: Path) -> None:
    """It refuses all of them, and no text that Compose leaves as it is written."""
    file = tmp_path / "compose.yaml"
    file.write_text(f"services:\n  a:\n    image: i\n    environment:\n      DAY: {text}\n")
    answer = config(file, ENVIRON)
    assert isinstance(answer, dict), answer
    if answer["services"]["a"]["environment"] != {"DAY": text}:
        with pytest.raises(TaskyardError, match="as a date, which Docker would rewrite"):
            read(file, ENVIRON)
    else:
        assert read(file, ENVIRON).services["a"].environment == {"DAY": text}


@pytest.mark.parametrize(
    "text",
    [
        "%YAML 1.2\n---\nservices: {a: {image: i}}",
        "%YAML 1.0\n---\nservices: {a: {image: i}}",
        "%YAML 2.0\n---\nservices: {a: {image: i}}",
        'services: {a: {image: i, environment: {"\\n": x}}}',
        'services: {a: {image: i, labels: {"\\n\\n": x}}}',
        'services: {a: {image: i, environment: {"\\ud800": x}}}',
    ],
)
def test_compose_refuses_the_same_directives_and_keys(text: str, tmp_path: Path) -> None:
    """These are read by other readers of YAML."""
    file = tmp_path / "compose.yaml"
    file.write_text(text)
    assert isinstance(config(file, ENVIRON), str)
    with pytest.raises(TaskyardError):
        read(file, ENVIRON)


@pytest.mark.parametrize("count", ["1e21", "9223372036854775808"])
def test_compose_counts_below_zero_where_the_reader_stops(count: str, tmp_path: Path) -> None:
    """Docker turns a number that is too large into another one without a warning."""
    file = tmp_path / "compose.yaml"
    file.write_text(f"services: {{a: {{image: i, deploy: {{replicas: {count}}}}}}}")
    answer = config(file, ENVIRON)
    assert isinstance(answer, dict), answer
    assert answer["services"]["a"]["deploy"]["replicas"] < 0
    with pytest.raises(TaskyardError, match="can be 1000 at most"):
        read(file, ENVIRON)


def config(file: Path, environ: Mapping[str, str]) -> Plain | str:
    """
    Ask Compose for its reading of a file.

    Returns:
        The parsed JSON, or the message where Compose refuses the file.
    """
    done = subprocess.run(
        ["docker", "compose", "--profile", "*", "-f", str(file), "config", "--format", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        env={name: os.environ[name] for name in ("DOCKER_CONFIG",) if name in os.environ}
        | dict(environ),
        cwd=file.parent,
    )
    if done.returncode != 0:
        return done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


# ---------------------------------------------------------------- Compose's answer, brought down


def from_compose(answer: Plain) -> Plain:
    """Bring Compose's JSON into the shape that both sides have."""
    answer = _unescaped(answer)
    return {
        "services": {
            name: _compose_service(service) for name, service in answer["services"].items()
        },
        **{
            kind: {name: _lean(entry) for name, entry in (answer.get(kind) or {}).items()}
            for kind in ("networks", "volumes")
        },
    }


def _compose_service(service: Plain) -> Plain:
    left = {
        key: part
        for key, part in service.items()
        if not key.startswith("x-") and key not in CHECKED_ONLY
    }
    deploy = left.pop("deploy", None) or {}
    resources = deploy.pop("resources", None) or {}
    scale = left.pop("scale", None)
    replicas = deploy.pop("replicas", None)
    plain = {
        "image": left.pop("image", None),
        "build": left.pop("build", None) is not None,
        "command": left.pop("command", None),
        "entrypoint": left.pop("entrypoint", None),
        "environment": {
            name: text
            for name, text in (left.pop("environment", None) or {}).items()
            if text is not None
        },
        "depends_on": {
            name: (entry["condition"], entry.get("required", True), entry.get("restart", False))
            for name, entry in (left.pop("depends_on", None) or {}).items()
        },
        "healthcheck": _compose_healthcheck(left.pop("healthcheck", None)),
        "replicas": next((count for count in (scale, replicas) if count is not None), 1),
        **{
            kind: (
                float(part["cpus"]) if part.get("cpus") else None,
                int(part["memory"]) if part.get("memory") else None,
            )
            for kind in ("limits", "reservations")
            for part in [resources.get(kind) or {}]
        },
        "ports": [_compose_port(port) for port in left.pop("ports", None) or ()],
        "volumes": sorted(
            [_compose_mount(mount) for mount in left.pop("volumes", None) or ()]
            + [_compose_tmpfs(text) for text in left.pop("tmpfs", None) or ()]
        ),
        "networks": {
            name: (entry or {}).get("aliases") or []
            for name, entry in (left.pop("networks", None) or {}).items()
        },
        "restart": left.pop("restart", "no"),
        "stop_grace_s": seconds(left.pop("stop_grace_period", "10s")),
        **{
            key: list(dict.fromkeys(grant["source"] for grant in left.pop(key, None) or ()))
            for key in ("secrets", "configs")
        },
        **{key: left.pop(key, None) or [] for key in ("profiles", "links")},
        **{
            key: left.pop(key, None)
            for key in ("working_dir", "user", "stop_signal", "container_name")
        },
    }
    assert _lean(left) == {}, "Compose says more than the reader knows"
    return plain


def _compose_healthcheck(check: Plain | None) -> Plain | None:
    if check is None:
        return None
    disable = check.get("disable", False) or check.get("test") == ["NONE"]
    return {
        "test": [] if disable else check.get("test") or [],
        "interval_s": seconds(check.get("interval", "0")) or 30.0,
        "timeout_s": seconds(check.get("timeout", "0")) or 30.0,
        "retries": check.get("retries", 3),
        "start_period_s": seconds(check.get("start_period", "0")),
        "start_interval_s": seconds(check.get("start_interval", "0")) or 5.0,
        "disable": disable,
    }


def _compose_port(port: Plain) -> Port:
    return Port(
        port["target"],
        port.get("published"),
        port.get("host_ip"),
        port["protocol"],
        port["mode"],
    )


def _compose_mount(mount: Plain) -> tuple[Any, ...]:
    return (
        mount["target"],
        mount["type"],
        mount.get("source") or "",
        mount.get("read_only", False),
    )


def _compose_tmpfs(text: str) -> tuple[Any, ...]:
    return (text.partition(":")[0], "tmpfs", "", False)


def _unescaped(value: Any) -> Any:
    """Undo the `$$` that Compose writes for a `$`."""
    if isinstance(value, dict):
        return {key.replace("$$", "$"): _unescaped(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_unescaped(part) for part in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


def _lean(value: Any) -> Any:
    """Drop what is empty, however deep; Compose adds such parts."""
    if isinstance(value, dict):
        parts = {key: _lean(part) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part not in (None, {}, [], False)}
    return [_lean(part) for part in value] if isinstance(value, list) else value


# ---------------------------------------------------------------- the reader's answer, brought up


def from_reader(project: Project, name: str) -> Plain:
    """Bring a project into the shape that both sides have; Compose leaves out what is unused."""
    if project.name is not None:
        assert name == project.name
    services = project.services.values()
    used: dict[str, set[str | None]] = {
        "networks": {network for service in services for network in service.networks},
        "volumes": {mount.source for service in services for mount in service.volumes},
    }
    declared: dict[str, Mapping[str, Mapping[str, Any]]] = {
        "networks": {"default": {}, **project.networks},
        "volumes": project.volumes,
    }
    return {
        "services": {service.name: _reader_service(service) for service in services},
        **{
            kind: {
                key: _lean({"name": key if entry.get("external") else f"{name}_{key}", **entry})
                for key, entry in entries.items()
                if key in used[kind]
            }
            for kind, entries in declared.items()
        },
    }


def _reader_service(service: Service) -> Plain:
    check = service.healthcheck
    policy, retries = service.restart.policy, service.restart.max_retries
    return {
        "image": service.image,
        "build": service.build,
        "command": None if service.command is None else list(service.command),
        "entrypoint": None if service.entrypoint is None else list(service.entrypoint),
        "environment": dict(service.environment),
        "depends_on": {
            one.service: (one.condition, one.required, one.restart) for one in service.depends_on
        },
        "healthcheck": check and {**vars(check), "test": list(check.test)},
        "replicas": service.replicas,
        "limits": _resources(service.limits),
        "reservations": _resources(service.reservations),
        "ports": list(service.ports),
        "volumes": sorted(_mount(mount) for mount in service.volumes),
        "networks": {name: list(aliases) for name, aliases in service.networks.items()},
        "restart": policy if retries is None else f"{policy}:{retries}",
        "stop_grace_s": service.stop_grace_s,
        "secrets": list(service.secrets),
        "configs": list(service.configs),
        "profiles": list(service.profiles),
        "links": list(service.links),
        "working_dir": service.working_dir,
        "user": service.user,
        "stop_signal": service.stop_signal,
        "container_name": service.container_name,
    }


def _resources(resources: Resources) -> tuple[float | None, int | None]:
    return resources.cpus, resources.memory_bytes


def _mount(mount: Mount) -> tuple[Any, ...]:
    return (
        mount.target,
        mount.type,
        mount.source or "",
        mount.read_only,
    )
