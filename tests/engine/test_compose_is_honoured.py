"""Every key of Compose that the reader accepts has an effect in the local engine, or is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from taskyard.compose import read
from taskyard.compose.shapes import Shapes
from taskyard.engine.local import LocalEngine
from taskyard.engine.places import refuse
from taskyard.engine.protocol import IMAGE
from taskyard.errors import TaskyardError

# A file with every key that the reader accepts, each in its longest form.
ALL: dict[str, Any] = {
    "name": "shop",
    "version": "3",
    "services": {
        "shop": {
            "image": IMAGE,
            "build": {"context": ".", "dockerfile": "D", "target": "t", "args": {"A": "b"}},
            "command": "python shop.py",
            "entrypoint": ["env"],
            "environment": {"A": "b"},
            "env_file": [{"path": "no.env", "required": False}],
            "depends_on": {
                "redis": {"condition": "service_healthy", "required": False, "restart": True}
            },
            "healthcheck": {
                "test": ["CMD", "true"],
                "disable": False,
                "retries": 3,
                "interval": "1s",
                "timeout": "1s",
                "start_period": "1s",
                "start_interval": "1s",
            },
            "deploy": {
                "replicas": 2,
                "resources": {
                    "limits": {"cpus": "1", "memory": "64M"},
                    "reservations": {"cpus": "1", "memory": "64M"},
                },
                "endpoint_mode": "vip",
                "placement": {
                    "constraints": ["node.role==worker"],
                    "preferences": [{"spread": "node.labels.zone"}],
                    "max_replicas_per_node": 2,
                },
                "update_config": {
                    "parallelism": 1,
                    "max_failure_ratio": 0.5,
                    "delay": "1s",
                    "monitor": "1s",
                    "order": "stop-first",
                    "failure_action": "pause",
                },
            },
            "scale": 2,
            "ports": [
                {
                    "target": 80,
                    "published": "8000-8001",
                    "host_ip": "127.0.0.1",
                    "protocol": "tcp",
                    "mode": "host",
                }
            ],
            "expose": ["80"],
            "volumes": [
                {"type": "bind", "source": ".", "target": "/lab", "read_only": True},
                {"type": "tmpfs", "target": "/run", "tmpfs": {"size": "1m"}},
            ],
            "tmpfs": ["/tmp"],
            "networks": {"back": {"aliases": ["store"]}},
            "working_dir": "/lab",
            "user": "1000",
            "init": True,
            "restart": "always",
            "stop_signal": "SIGINT",
            "stop_grace_period": "1s",
            "profiles": ["all"],
            "labels": {"a": "b"},
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "read_only": True,
            "shm_size": "64m",
            "logging": {"driver": "local", "options": {"max-size": "1m"}},
            "links": ["redis"],
            "secrets": [{"source": "key", "target": "k"}],
            "configs": [{"source": "options", "target": "o"}],
            "develop": {
                "watch": [{"path": ".", "action": "sync", "target": "/lab", "ignore": ["x"]}]
            },
        },
        "redis": {"image": "redis:8-alpine", "container_name": "redis"},
    },
    "networks": {
        "back": {
            "name": "n",
            "driver": "bridge",
            "driver_opts": {"a": "b"},
            "labels": {"a": "b"},
            "ipam": {"config": []},
            "internal": True,
            "attachable": True,
            "enable_ipv4": True,
            "enable_ipv6": False,
        },
        "outside": {"external": True},
    },
    "volumes": {
        "rows": {"name": "v", "driver": "local", "driver_opts": {"a": "b"}, "labels": {"a": "b"}},
        "outside": {"external": True},
    },
    "secrets": {
        "key": {"name": "s", "labels": {"a": "b"}, "file": "key"},
        "other": {"environment": "KEY"},
        "outside": {"external": True},
    },
    "configs": {
        "options": {"name": "c", "labels": {"a": "b"}, "file": "options"},
        "other": {"environment": "KEY"},
        "text": {"content": "x"},
        "outside": {"external": True},
    },
}

# What the local engine does as Docker does; the contract's tests show most of it.
HONOURED = [
    "name",
    "version",
    "services.*.image",
    "services.*.command",
    "services.*.entrypoint",
    "services.*.environment",
    "services.*.env_file[].*",
    "services.*.depends_on.*.condition",
    "services.*.healthcheck.*",
    "services.*.deploy.replicas",
    "services.*.scale",
    "services.*.ports[].target",
    "services.*.ports[].published",
    "services.*.ports[].host_ip",
    "services.*.volumes[].type",
    "services.*.volumes[].source",
    "services.*.volumes[].target",
    "services.*.working_dir",
    "services.*.restart",
    "services.*.stop_signal",
    "services.*.stop_grace_period",
    "services.*.profiles",
]

# What it says about the others: the key, a service and a file that have it, and the sentence.
SAID: list[tuple[str, Mapping[str, Any], Mapping[str, Any], str]] = [
    ("services.*.build.*", {"build": "."}, {}, "builds no image for `shop`"),
    (
        "services.*.deploy.resources.limits.cpus",
        {"deploy": {"resources": {"limits": {"cpus": 1}}}},
        {},
        "limits neither memory nor CPU of `shop`",
    ),
    (
        "services.*.deploy.resources.limits.memory",
        {"deploy": {"resources": {"limits": {"memory": "1m"}}}},
        {},
        "limits neither memory nor CPU of `shop`",
    ),
    (
        "services.*.deploy.resources.reservations.cpus",
        {"deploy": {"resources": {"reservations": {"cpus": 1}}}},
        {},
        "reserves neither memory nor CPU for `shop`",
    ),
    (
        "services.*.deploy.resources.reservations.memory",
        {"deploy": {"resources": {"reservations": {"memory": "1m"}}}},
        {},
        "reserves neither memory nor CPU for `shop`",
    ),
    *(
        (f"services.*.deploy.{key}{below}", {"deploy": {key: value}}, {}, f"`deploy.{key}`")
        for key, below, value in (
            ("endpoint_mode", "", "vip"),
            ("placement", ".*", {"max_replicas_per_node": 1}),
            ("update_config", ".*", {"parallelism": 1}),
        )
    ),
    *(
        (f"services.*.{key}{below}", {key: value}, {}, f"does nothing with `{key}` of `shop`")
        for key, below, value in (
            ("develop", ".*", {"watch": [{"path": ".", "action": "rebuild"}]}),
            ("expose", "", ["80"]),
            ("init", "", True),
            ("labels", "", ["a=b"]),
            ("cap_drop", "", ["ALL"]),
            ("logging", ".*", {"driver": "local"}),
            ("read_only", "", True),
            ("security_opt", "", ["no-new-privileges:true"]),
            ("shm_size", "", "64m"),
        )
    ),
    ("services.*.user", {"user": "1000"}, {}, "runs `shop` as you, not as its `user`"),
    ("services.*.links", {"links": ["redis"]}, {}, "knows no alias of a link of `shop`"),
    ("services.*.container_name", {"container_name": "a"}, {}, "than its `container_name`"),
    (
        "services.*.depends_on.*.required",
        {"depends_on": {"redis": {"condition": "service_started", "required": False}}},
        {},
        "if it is not `required`",
    ),
    (
        "services.*.depends_on.*.restart",
        {"depends_on": {"redis": {"condition": "service_started", "restart": True}}},
        {},
        "does not restart `shop` with what it depends on",
    ),
    ("services.*.ports[[]].protocol", {"ports": ["53/udp"]}, {}, "`protocol` is not TCP"),
    (
        "services.*.ports[[]].mode",
        {"ports": [{"target": 80, "mode": "host"}]},
        {},
        "`mode` of a port of `shop`",
    ),
    (
        "services.*.volumes[[]].read_only",
        {"volumes": [".:/lab:ro"]},
        {},
        "lets `shop` write into your files, which are read-only in a container",
    ),
    (
        "services.*.volumes[[]].tmpfs.size",
        {"volumes": [{"type": "tmpfs", "target": "/run", "tmpfs": {"size": 1}}]},
        {},
        "mounts `/run`",
    ),
    ("services.*.tmpfs", {"tmpfs": "/run"}, {}, "mounts `/run`"),
    (
        "services.*.networks.*.aliases",
        {"networks": {"default": {"aliases": ["store"]}}},
        {},
        "knows no alias of `shop` in a network",
    ),
    ("networks.*.*", {}, {"networks": {"back": {"internal": True}}}, "no network: `back`"),
    *(
        ("volumes.*.*", {}, {"volumes": {"rows": {key: value}}}, "volume of its own for `rows`")
        for key, value in (
            ("external", True),
            ("name", "a"),
            ("driver", "local"),
            ("driver_opts", {"a": "b"}),
            ("labels", ["a=b"]),
        )
    ),
    *(
        (pattern, {kind: ["a"]}, {kind: {"a": {"environment": "KEY"}}}, f"uses `{kind}`")
        for kind in ("secrets", "configs")
        for pattern in (f"services.*.{kind}[[]].*", f"{kind}.*.*")
    ),
]


def said(folder: Path, service: Mapping[str, Any], file: Mapping[str, Any]) -> str:
    """Return what the local engine says about a file, or why it refuses it."""
    services = {
        "shop": {"image": IMAGE, "command": "python shop.py", **service},
        "redis": {"image": "redis:8-alpine"},
    }
    path = folder / "compose.yaml"
    path.write_text(yaml.safe_dump({"services": services, **file}))
    project = read(path, {})
    try:
        refuse(project)
    except TaskyardError as error:
        return str(error)
    return "\n".join(LocalEngine.unsupported(project))


@pytest.fixture
def accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Return the keys that the reader accepts, as patterns, and whether `ALL` has each."""
    found: dict[str, bool] = {}
    keys = Shapes.keys

    def record(self: Shapes, value: Any, known: Any, *rest: Any, **options: Any) -> Any:
        answer = keys(self, value, known, *rest, **options)
        where = re.sub(r"\[\d+\]", "[]", value.where if value else "")
        where = re.sub(r"^(\w+)\.\w+", r"\1.*", where)
        where = re.sub(r"^(services\.\*\.(?:depends_on|networks))\.\w+", r"\1.*", where)
        if value is not None:
            for key in known:
                path = f"{where}.{key}" if where else key
                found[path] = found.get(path, False) or key in answer
        return answer

    monkeypatch.setattr(Shapes, "keys", record)
    for name in ("key", "options"):
        (tmp_path / name).touch()
    (tmp_path / "compose.yaml").write_text(yaml.safe_dump(ALL, sort_keys=False))
    read(tmp_path / "compose.yaml", {})
    return found


def test_the_file_with_all_keys_has_all_keys(accepted: Mapping[str, bool]) -> None:
    """A key that the reader learns to accept is missing here until it is written into `ALL`."""
    assert [path for path, is_there in accepted.items() if not is_there] == []


def test_each_accepted_key_is_honoured_or_named(accepted: Mapping[str, bool]) -> None:
    """A new key fails here until one of the two tables has it."""
    patterns = [*(path.replace("[]", "[[]]") for path in HONOURED), *(row[0] for row in SAID)]
    # A map counts by what stands in it
    leaves = [
        path
        for path in accepted
        if not any(re.match(re.escape(path) + r"[.\[]", other) for other in accepted)
        and path not in ("services", "networks", "volumes", "secrets", "configs")
    ]
    for path in leaves:
        matching = [pattern for pattern in patterns if fnmatchcase(path, pattern)]
        assert matching, f"`{path}` is neither honoured nor named"
    for pattern in patterns:
        assert any(fnmatchcase(path, pattern) for path in leaves), f"`{pattern}` matches nothing"


@pytest.mark.parametrize(
    ("service", "file", "sentence"),
    [row[1:] for row in SAID],
    ids=[row[0].replace("[[]]", "") for row in SAID],
)
def test_the_local_engine_names_what_it_does_not_honour(
    tmp_path: Path, service: Mapping[str, Any], file: Mapping[str, Any], sentence: str
) -> None:
    """It says nothing about a file without the key."""
    assert said(tmp_path, {}, {}) == ""
    assert sentence in said(tmp_path, service, file)
