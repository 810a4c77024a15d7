"""Read `healthcheck`, `deploy` and `restart` of a service."""

from __future__ import annotations

from dataclasses import dataclass, field

from taskyard.compose.document import Value
from taskyard.compose.model import Healthcheck, Resources, Restart
from taskyard.compose.shapes import Shapes

MAX_REPLICAS = 1000
"""Docker connects containers by a Linux bridge, which has 1,023 ports."""

_POLICIES = ("no", "always", "on-failure", "unless-stopped")


@dataclass(frozen=True)
class Deployment:
    """The parts of `deploy` that engines read."""

    replicas: int | None = None
    limits: Resources = field(default_factory=Resources)
    reservations: Resources = field(default_factory=Resources)


def read_healthcheck(value: Value | None, shapes: Shapes) -> Healthcheck | None:
    """Read `healthcheck`; a zero means the default, as it does for Docker."""
    if value is None:
        return None
    times = ("interval", "timeout", "start_period", "start_interval")
    keys = shapes.keys(value, ("test", "disable", "retries", *times))
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
        shapes.fault(f"`{value.where}` names no command", value.line, "add it after `CMD`")
    elif kind == "CMD-SHELL" and len(arguments) != 1:
        what = f"`{value.where}` has {len(arguments)} texts after `CMD-SHELL`, which takes one"
        shapes.fault(what, value.line, "write the command as one text, or use `CMD`")
    return test


def read_deploy(value: Value | None, shapes: Shapes) -> Deployment:
    """Read `deploy`, and check the parts of it that no engine reads."""
    if value is None or value.data is None:
        return Deployment()  # Compose ignores an empty `deploy:`
    keys = shapes.keys(
        value,
        ("replicas", "resources", "endpoint_mode", "placement", "update_config"),
        ("mode", "labels", "restart_policy", "rollback_config"),
    )
    resources = shapes.keys(keys.get("resources"), ("limits", "reservations"))
    shapes.choice(keys.get("endpoint_mode"), ("vip", "dnsrr"))
    _check_placement(keys.get("placement"), shapes)
    _check_update_config(keys.get("update_config"), shapes)
    return Deployment(
        replicas=shapes.whole(keys.get("replicas"), MAX_REPLICAS),
        limits=_resources(resources.get("limits"), shapes, ("pids",)),
        reservations=_resources(
            resources.get("reservations"), shapes, ("generic_resources", "devices")
        ),
    )


def _resources(value: Value | None, shapes: Shapes, not_read: tuple[str, ...]) -> Resources:
    keys = shapes.keys(value, ("cpus", "memory"), not_read)
    cpus = shapes.number(keys.get("cpus"))
    memory = shapes.size(keys.get("memory"))
    return Resources(cpus or None, memory or None)  # 0 means no limit


def _check_placement(value: Value | None, shapes: Shapes) -> None:
    keys = shapes.keys(value, ("constraints", "preferences", "max_replicas_per_node"))
    shapes.texts(keys.get("constraints"))
    for item in shapes.items(keys.get("preferences")):
        shapes.text(shapes.keys(item, ("spread",)).get("spread"))
    shapes.whole(keys.get("max_replicas_per_node"))


def _check_update_config(value: Value | None, shapes: Shapes) -> None:
    times = ("delay", "monitor")
    choices = {
        "order": ("start-first", "stop-first"),
        "failure_action": ("continue", "pause", "rollback"),
    }
    keys = shapes.keys(value, ("parallelism", "max_failure_ratio", *times, *choices))
    for name in times:
        shapes.duration(keys.get(name))
    for name, options in choices.items():
        shapes.choice(keys.get(name), options)
    shapes.whole(keys.get("parallelism"))
    shapes.number(keys.get("max_failure_ratio"))


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
