"""`healthcheck`, `deploy` and `restart` of a service: how it runs and stays up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from taskyard.compose.document import Value
from taskyard.compose.model import Healthcheck, Resources, Restart
from taskyard.compose.shapes import Shapes

MAX_REPLICAS = 1000
"""Docker's network of one machine is a bridge of Linux, which has 1,023 ports."""

_POLICIES = ("no", "always", "on-failure", "unless-stopped")


@dataclass(frozen=True)
class Deployment:
    """What `deploy` says."""

    replicas: int | None = None
    limits: Resources = field(default_factory=Resources)
    reservations: Resources = field(default_factory=Resources)
    rest: dict[str, Any] = field(default_factory=dict)


def read_healthcheck(
    value: Value | None, shapes: Shapes, extensions: dict[str, Any]
) -> Healthcheck | None:
    """Read `healthcheck`; a zero means the default, as for the engine."""
    if value is None:
        return None
    times = ("interval", "timeout", "start_period", "start_interval")
    keys = shapes.keys(
        value, ("test", "disable", "retries", *times), (), extensions, "healthcheck."
    )
    seconds = {name: shapes.duration(keys.get(name)) for name in times}
    retries = shapes.whole(keys.get("retries"))
    test = _test(keys.get("test"), shapes)
    default = Healthcheck()
    disable = bool(shapes.flag(keys.get("disable"))) or test == ("NONE",)
    return Healthcheck(
        test=() if disable else test,
        interval_s=seconds["interval"] or default.interval_s,
        timeout_s=seconds["timeout"] or default.timeout_s,
        retries=retries or default.retries,
        start_period_s=seconds["start_period"] or default.start_period_s,
        start_interval_s=seconds["start_interval"] or default.start_interval_s,
        disable=disable,
    )


def _test(value: Value | None, shapes: Shapes) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value.data, str):
        text = shapes.text(value, filled=True)
        return ("CMD-SHELL", text) if text is not None else ()
    test = shapes.texts(value, unique=False)
    if not test:
        return ()
    kind, *arguments = test
    if kind not in ("CMD", "CMD-SHELL", "NONE"):
        what = f"`{value.where}` starts with `{kind}`, and has to start with `CMD` or `CMD-SHELL`"
        shapes.fault(what, value.line, f'write `["CMD", "{kind}", …]`')
    elif kind == "CMD" and not arguments:
        shapes.fault(f"`{value.where}` names no command", value.line, "add it behind `CMD`")
    elif kind == "CMD-SHELL" and len(arguments) != 1:
        what = f"`{value.where}` has {len(arguments)} texts behind `CMD-SHELL`, which takes one"
        shapes.fault(what, value.line, "write the command as one text, or use `CMD`")
    return test


def read_deploy(value: Value | None, shapes: Shapes, extensions: dict[str, Any]) -> Deployment:
    """Read `deploy`."""
    if value is None or value.data is None:
        return Deployment()  # Compose takes an empty `deploy:` for none
    keys = shapes.keys(
        value,
        ("replicas", "resources", "endpoint_mode", "placement", "update_config"),
        ("mode", "labels", "restart_policy", "rollback_config"),
        extensions,
        "deploy.",
    )
    resources = shapes.keys(keys.get("resources"), ("limits", "reservations"))
    rest = {
        "endpoint_mode": shapes.choice(keys.get("endpoint_mode"), ("vip", "dnsrr")),
        "placement": _placement(keys.get("placement"), shapes),
        "update_config": _update_config(keys.get("update_config"), shapes),
    }
    return Deployment(
        replicas=shapes.whole(keys.get("replicas"), MAX_REPLICAS),
        limits=_resources(resources.get("limits"), shapes, ("pids",)),
        reservations=_resources(
            resources.get("reservations"), shapes, ("generic_resources", "devices")
        ),
        rest={name: part for name, part in rest.items() if name in keys and part is not None},
    )


def _resources(value: Value | None, shapes: Shapes, not_read: tuple[str, ...]) -> Resources:
    keys = shapes.keys(value, ("cpus", "memory"), not_read)
    cpus = shapes.number(keys.get("cpus"))
    memory = shapes.size(keys.get("memory"))
    return Resources(cpus or None, memory or None)  # 0 means no limit


def _placement(value: Value | None, shapes: Shapes) -> dict[str, Any]:
    keys = shapes.keys(value, ("constraints", "preferences", "max_replicas_per_node"))
    placement: dict[str, Any] = {}
    if "constraints" in keys:
        placement["constraints"] = list(shapes.texts(keys["constraints"]))
    if "preferences" in keys:
        placement["preferences"] = [
            {"spread": shapes.text(shapes.keys(item, ("spread",)).get("spread"))}
            for item in shapes.items(keys["preferences"])
        ]
    if "max_replicas_per_node" in keys:
        placement["max_replicas_per_node"] = shapes.whole(keys["max_replicas_per_node"])
    return placement


def _update_config(value: Value | None, shapes: Shapes) -> dict[str, Any]:
    times = ("delay", "monitor")
    choices = {
        "order": ("start-first", "stop-first"),
        "failure_action": ("continue", "pause", "rollback"),
    }
    keys = shapes.keys(value, ("parallelism", "max_failure_ratio", *times, *choices))
    update: dict[str, Any] = {}
    for name, entry in keys.items():
        if name in times:
            shapes.duration(entry)
            update[name] = shapes.plain(entry)
        elif name in choices:
            update[name] = shapes.choice(entry, choices[name])
        else:
            read = shapes.whole if name == "parallelism" else shapes.number
            update[name] = read(entry)
    return update


def read_restart(value: Value | None, shapes: Shapes) -> Restart:
    """Read `restart`."""
    text = shapes.text(value)
    if value is None or not text:
        return Restart()
    policy, colon, count = text.partition(":")
    for known in _POLICIES:
        if policy == known and not colon:
            return Restart(known)  # type: ignore[arg-type]
    if policy == "on-failure" and count.isdecimal():
        return Restart("on-failure", int(count))
    what = f"`{value.where}` cannot be `{text}`"
    hint = "write `no`, `always`, `unless-stopped`, `on-failure` or `on-failure:3`"
    shapes.fault(what, value.line, hint)
    return Restart()
