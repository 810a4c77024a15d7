"""Read `ports` of a service, and check `expose`."""

from __future__ import annotations

import re
from ipaddress import ip_address

from taskyard.compose.document import Value
from taskyard.compose.mistake import Mistake
from taskyard.compose.model import Port
from taskyard.compose.shapes import Shapes

_HIGHEST = 65535
_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_SHORT = re.compile(
    r"(?:(?P<ip>\[[^\]]*\]|[^:\[\]]*):(?=[^:]*:))?(?:(?P<host>[^:]*):)?(?P<target>[^:/]*)(?:/(?P<protocol>.*))?"
)
_PROTOCOLS = ("tcp", "udp", "sctp")
_EXAMPLES = 'write `"8000:8000"` (host:container), `"127.0.0.1:8000:8000"` or `"8000"`'


def read_ports(value: Value | None, shapes: Shapes) -> tuple[Port, ...]:
    """Read `ports`; a range of container ports becomes one `Port` for each."""
    ports: list[Port] = []
    for item in shapes.items(value):
        for port in _ports(item, shapes):
            if port in ports:
                what = f"`{item.where}` repeats the port {port.target}"
                shapes.fault(what, item.line, "remove one of the two")
            else:
                ports.append(port)
    return tuple(ports)


def check_expose(value: Value | None, shapes: Shapes) -> None:
    """Report what is wrong with `expose`."""
    exposed: list[str] = []
    for item in shapes.items(value):
        is_number = isinstance(item.data, int) and not isinstance(item.data, bool)
        text = str(item.data) if is_number else shapes.text(item)
        if text is None:
            continue
        number, slash, protocol = text.partition("/")
        try:
            _range(number)
            if slash and protocol not in _PROTOCOLS:
                raise Mistake(f"`{protocol}` is not a protocol", "write `tcp` or `udp`")
        except Mistake as mistake:
            shapes.fault(f"`{item.where}`: {mistake}", item.line, mistake.hint)
            continue
        if text in exposed:
            what = f"`{item.where}` repeats the port {text}"
            shapes.fault(what, item.line, "remove one of the two")
        else:
            exposed.append(text)


def _ports(item: Value, shapes: Shapes) -> list[Port]:
    if isinstance(item.data, dict):
        return _long(item, shapes)
    is_number = isinstance(item.data, int) and not isinstance(item.data, bool)
    text = str(item.data) if is_number else shapes.text(item)
    if text is None:
        return []
    try:
        return _short(text)
    except Mistake as mistake:
        shapes.fault(f"the port `{text}`: {mistake}", item.line, mistake.hint)
        return []


def _short(text: str) -> list[Port]:
    match = _SHORT.fullmatch(text)
    if match is None:
        raise Mistake("this is not a port", _EXAMPLES)
    protocol = match["protocol"] or "tcp"
    if protocol not in _PROTOCOLS or match["protocol"] == "":
        raise Mistake(f"`{match['protocol']}` is not a protocol", "write `/tcp` or `/udp`")
    ip = (match["ip"] or "").strip("[]") or None
    if ip is not None:
        try:
            ip_address(ip)
        except ValueError:
            raise Mistake(f"`{ip}` is not an IP address", _EXAMPLES) from None
    first, last = _range(match["target"])
    if first == 0:
        raise Mistake("a container has no port 0", _EXAMPLES)
    targets = range(first, last + 1)
    if not match["host"]:
        return [Port(target, None, ip, protocol) for target in targets]
    low, high = _range(match["host"])
    if len(targets) == 1:
        published = f"{low}-{high}" if high > low else str(low)
        return [Port(first, None if published == "0" else published, ip, protocol)]
    if high - low != last - first:
        raise Mistake(
            f"{high - low + 1} ports of the host are given for {len(targets)} of the container",
            "write two ranges of the same length",
        )
    return [Port(target, str(low + index), ip, protocol) for index, target in enumerate(targets)]


def _range(text: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise Mistake(f"`{text}` is not a port number", _EXAMPLES)
    first, last = int(match[1]), int(match[2] or match[1])
    if last > _HIGHEST:
        raise Mistake(f"{last} is above the highest port, {_HIGHEST}", "choose a lower one")
    if last < first:
        raise Mistake(f"the range `{text}` runs backwards", f"write `{last}-{first}`")
    return first, last


def _long(item: Value, shapes: Shapes) -> list[Port]:
    keys = shapes.keys(
        item,
        ("target", "published", "host_ip", "protocol", "mode"),
        ("name", "app_protocol"),
    )
    target = shapes.whole(keys.get("target"))
    if "target" not in keys:
        what = f"`{item.where}` has no `target`, the port of the container"
        shapes.fault(what, item.line, "add `target: 8000`")
    published = keys.get("published")
    text: str | None = None
    if published is not None:
        is_number = isinstance(published.data, int) and not isinstance(published.data, bool)
        text = (str(published.data) if is_number else shapes.text(published)) or None
    protocol = shapes.choice(keys.get("protocol"), _PROTOCOLS) or "tcp"
    mode = shapes.choice(keys.get("mode"), ("ingress", "host")) or "ingress"
    host_ip = shapes.text(keys.get("host_ip")) or None
    if target is None:
        return []
    try:
        if not 0 < target <= _HIGHEST:
            raise Mistake(f"{target} is not a port of a container", f"choose 1 to {_HIGHEST}")
        if text is not None:
            _range(text)
        if host_ip is not None:
            ip_address(host_ip)
    except Mistake as mistake:
        shapes.fault(f"`{item.where}`: {mistake}", item.line, mistake.hint)
        return []
    except ValueError:
        shapes.fault(f"`{item.where}`: `{host_ip}` is not an IP address", item.line, _EXAMPLES)
        return []
    return [Port(target, None if text == "0" else text, host_ip, protocol, mode)]
