"""Read one service of a Compose file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from taskyard.compose.building import check_build, check_develop
from taskyard.compose.deployment import (
    MAX_REPLICAS,
    read_deploy,
    read_healthcheck,
    read_restart,
)
from taskyard.compose.document import Value
from taskyard.compose.environment import Surroundings, read_environment
from taskyard.compose.hardening import check_hardening
from taskyard.compose.keys import (
    SERVICE,
    SERVICE_NETWORK,
    SERVICE_NETWORK_NOT_READ,
    SERVICE_NOT_READ,
)
from taskyard.compose.mistake import Mistake
from taskyard.compose.model import Command, Dependency, Service
from taskyard.compose.mounts import read_mounts
from taskyard.compose.ports import check_expose, read_ports
from taskyard.compose.shapes import Shapes
from taskyard.compose.words import split

_CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")


def read_service(name: str, value: Value, shapes: Shapes, around: Surroundings) -> Service:
    """Read one service; `shapes` collects the faults."""
    keys = shapes.keys(value, SERVICE, SERVICE_NOT_READ)
    deploy = read_deploy(keys.get("deploy"), shapes)
    scale = shapes.whole(keys.get("scale"), MAX_REPLICAS)
    service = Service(
        name=name,
        line=value.line,
        lines=dict(_lines(value)),
        image=shapes.text(keys.get("image"), filled=True),
        build="build" in keys,
        command=_command(keys.get("command"), shapes),
        entrypoint=_command(keys.get("entrypoint"), shapes),
        environment=read_environment(keys.get("env_file"), keys.get("environment"), shapes, around),
        depends_on=_dependencies(keys.get("depends_on"), keys.get("links"), shapes),
        healthcheck=read_healthcheck(keys.get("healthcheck"), shapes),
        replicas=next((count for count in (scale, deploy.replicas) if count is not None), 1),
        limits=deploy.limits,
        reservations=deploy.reservations,
        ports=read_ports(keys.get("ports"), shapes),
        volumes=read_mounts(keys.get("volumes"), keys.get("tmpfs"), around.folder, shapes),
        networks=_networks(keys.get("networks"), shapes),
        working_dir=shapes.text(keys.get("working_dir"), filled=True),
        user=shapes.text(keys.get("user")) or None,
        restart=read_restart(keys.get("restart"), shapes),
        stop_signal=shapes.text(keys.get("stop_signal"), filled=True),
        stop_grace_s=_grace(keys.get("stop_grace_period"), shapes),
        profiles=shapes.texts(keys.get("profiles")),
        container_name=shapes.text(keys.get("container_name"), filled=True),
        links=shapes.texts(keys.get("links")),
        secrets=_grants(keys.get("secrets"), shapes),
        configs=_grants(keys.get("configs"), shapes),
    )
    check_build(keys.get("build"), shapes)
    check_develop(keys.get("develop"), shapes)
    check_expose(keys.get("expose"), shapes)
    check_hardening(keys, shapes)
    shapes.flag(keys.get("init"))
    shapes.pairs(keys.get("labels"))
    if isinstance(value.data, dict):
        _check(service, keys, scale, deploy.replicas, shapes)
    return service


def _lines(value: Value, prefix: str = "") -> Iterator[tuple[str, int]]:
    for key, entry in value.data.items() if isinstance(value.data, dict) else ():
        yield f"{prefix}{key}", entry.line
        yield from _lines(entry, f"{prefix}{key}.")


def _check(
    service: Service,
    keys: Mapping[str, Value],
    scale: int | None,
    replicas: int | None,
    shapes: Shapes,
) -> None:
    """Report contradictions between the keys of a service."""
    name = service.name
    if not {"image", "build"} & keys.keys():
        what = f"service `{name}` has neither `image` nor `build`"
        shapes.fault(what, service.line, "add `image: …` or `build: .`")
    if scale is not None and replicas is not None and scale != replicas:
        what = f"service `{name}` has `scale: {scale}` and `deploy.replicas: {replicas}`"
        shapes.fault(what, keys["scale"].line, "remove `scale`")
    if service.container_name is None:
        return
    line = keys["container_name"].line
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", service.container_name):
        what = f"`{service.container_name}` is not a name for a container"
        shapes.fault(what, line, "use letters, digits, `_`, `.` and `-`")
    if service.replicas > 1:
        what = (
            f"service `{name}` has {service.replicas} replicas and one `container_name`, "
            "and two containers cannot have the same name"
        )
        shapes.fault(what, line, "remove `container_name`")


def _command(value: Value | None, shapes: Shapes) -> Command:
    if value is None or value.data is None:
        return None
    if not isinstance(value.data, str):
        return shapes.texts(value, unique=False)
    text = shapes.text(value)
    if text is None:
        return None
    try:
        words = split(text)
    except Mistake as mistake:
        shapes.fault(f"`{value.where}`: {mistake}", value.line, mistake.hint)
        return None
    if words.dropped:
        shapes.warn(
            value.line,
            f"`{value.where}` ends before `{words.dropped}`, because no shell reads it; "
            "for a shell write `sh -c '…'`",
        )
    return words.words


def _dependencies(
    value: Value | None, links: Value | None, shapes: Shapes
) -> tuple[Dependency, ...]:
    """Read `depends_on`, and the links, which are dependencies too in Compose."""
    found: dict[str, Dependency] = {}
    if value is not None and isinstance(value.data, dict):
        for name, entry in value.data.items():
            keys = shapes.keys(entry, ("condition", "required", "restart"))
            condition = shapes.choice(keys.get("condition"), _CONDITIONS)
            if isinstance(entry.data, dict) and "condition" not in keys:
                what = f"`{entry.where}` has no `condition`"
                shapes.fault(what, entry.line, "add `condition: service_healthy`")
            found[name] = Dependency(
                name,
                condition or "service_started",  # type: ignore[arg-type]
                shapes.flag(keys.get("required"), quoted=False) is not False,
                shapes.flag(keys.get("restart")) is True,
            )
    else:
        found = {name: Dependency(name) for name in shapes.texts(value)}
    for item in links.data if links is not None and isinstance(links.data, list) else ():
        if isinstance(item.data, str):
            name, _, alias = item.data.partition(":")
            if ":" in alias:
                what = f"`{item.where}` has more than one colon: `{item.data}`"
                shapes.fault(what, item.line, "write `SERVICE` or `SERVICE:ALIAS`")
            found.setdefault(name, Dependency(name, restart=True))
    return tuple(found.values())


def _networks(value: Value | None, shapes: Shapes) -> dict[str, tuple[str, ...]]:
    networks: dict[str, tuple[str, ...]] = {}
    if value is not None and isinstance(value.data, dict):
        for name, entry in value.data.items():
            empty = entry.data is None
            keys = {} if empty else shapes.keys(entry, SERVICE_NETWORK, SERVICE_NETWORK_NOT_READ)
            networks[name] = shapes.texts(keys.get("aliases"))
    else:
        networks = dict.fromkeys(shapes.texts(value), ())
    return networks or {"default": ()}


def _grace(value: Value | None, shapes: Shapes) -> float:
    grace_s = shapes.duration(value)
    return 10.0 if grace_s is None else grace_s


def _grants(value: Value | None, shapes: Shapes) -> tuple[str, ...]:
    """Read `secrets` or `configs`; one may be used twice, with two targets."""
    grants: list[tuple[str, str | None]] = []
    for item in shapes.items(value):
        if isinstance(item.data, dict):
            keys = shapes.keys(item, ("source", "target"), ("uid", "gid", "mode"))
            if "source" not in keys:
                shapes.fault(f"`{item.where}` has no `source`", item.line, "add `source: …`")
            source = shapes.text(keys.get("source"), filled=True)
            target = shapes.text(keys.get("target"), filled=True)
        else:
            source, target = shapes.text(item, filled=True), None
        if source is None:
            continue
        if (source, target) in grants:
            shapes.fault(f"`{item.where}` repeats `{source}`", item.line, "remove one of the two")
        grants.append((source, target))
    return tuple(dict.fromkeys(source for source, _ in grants))
