"""The Compose reader alone: what it makes of a file, and what it says about a wrong one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import FrozenInstanceError
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from compose_cases import BAD, ENVIRON, GOOD, lay_out
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskyard.compose import (
    Dependency,
    Healthcheck,
    Mount,
    Port,
    Project,
    Resources,
    Restart,
    Service,
    read,
)
from taskyard.compose.keys import SERVICE, SERVICE_NOT_READ
from taskyard.errors import Fault, TaskyardError


class Reader:
    """Reads texts as `compose.yaml` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "compose.yaml"

    def read(
        self,
        text: str,
        environ: Mapping[str, str] | None = None,
        env_files: Sequence[Path] | None = None,
    ) -> Project:
        self.file.write_text(dedent(text), encoding="utf-8")
        return read(self.file, environ or {}, env_files)

    def service(self, entries: str, environ: Mapping[str, str] | None = None) -> Service:
        """Read a service `a` with these entries; a service `b` and a volume `vol` are there."""
        body = "".join(f"    {line}\n" for line in dedent(entries).strip().splitlines())
        text = f"services:\n  a:\n    image: i\n{body}  b: {{image: i}}\nvolumes: {{vol: }}\n"
        return self.read(text, environ).services["a"]

    def faults(self, text: str, environ: Mapping[str, str] | None = None) -> list[Fault]:
        with pytest.raises(TaskyardError) as caught:
            self.read(text, environ)
        return list(caught.value.faults)

    def fault(self, entries: str) -> Fault:
        """Read a service with these entries, the first of them in line 4; one is wrong."""
        with pytest.raises(TaskyardError) as caught:
            self.service(entries)
        [fault] = caught.value.faults
        return fault


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def test_a_file_becomes_a_project(reader: Reader) -> None:
    """Each part is typed, in seconds and bytes, with absolute paths."""
    project = reader.read(
        """
        name: shop
        services:
          redis:
            image: redis:8-alpine
            healthcheck: {test: [CMD, redis-cli, ping], interval: 1s, retries: 30}
          worker:
            build: ./app
            command: celery -A tasks worker
            depends_on: {redis: {condition: service_healthy}}
            deploy: {replicas: 3, resources: {limits: {cpus: "0.5", memory: 512M}}}
            ports: ["127.0.0.1::9000"]
            volumes: [".:/lab:ro"]
            secrets: [token]
            restart: on-failure:3
            stop_grace_period: 1m30s
        secrets: {token: {environment: TOKEN}}
        """
    )
    worker = project.services["worker"]
    assert project.name == "shop"
    assert project.folder == reader.folder
    assert project.services["redis"].healthcheck == Healthcheck(
        ("CMD", "redis-cli", "ping"), interval_s=1.0, retries=30
    )
    assert worker.build
    assert worker.command == ("celery", "-A", "tasks", "worker")
    assert worker.depends_on == (Dependency("redis", "service_healthy"),)
    assert worker.replicas == 3
    assert worker.limits == Resources(0.5, 512 * 1024**2)
    assert worker.ports == (Port(9000, None, "127.0.0.1"),)
    assert worker.volumes == (Mount("bind", "/lab", str(reader.folder), read_only=True),)
    assert worker.networks == {"default": ()}
    assert worker.secrets == ("token",)
    assert worker.restart == Restart("on-failure", 3)
    assert worker.stop_grace_s == 90.0
    assert project.warnings == ()


def test_a_service_knows_its_lines(reader: Reader) -> None:
    """An engine can point at the key that it does not like."""
    service = reader.service("user: x\ndeploy:\n  replicas: 2")
    assert service.line == 2
    assert service.lines == {"image": 3, "user": 4, "deploy": 5, "deploy.replicas": 6}


def test_a_project_is_frozen(reader: Reader) -> None:
    """Engines share it."""
    project = reader.read("services: {a: {image: i}}")
    with pytest.raises(FrozenInstanceError):
        project.services["a"].image = "j"  # type: ignore[misc]


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.stem)
def test_every_good_file_is_read(case: Path, tmp_path: Path) -> None:
    """It needs no Docker to compare with."""
    assert read(lay_out(case, tmp_path), ENVIRON).services


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.stem)
def test_every_bad_file_is_refused_with_its_message(case: Path, tmp_path: Path) -> None:
    """The first line of the file holds a part of the message; there is one fault, with its cure."""
    expected = case.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    with pytest.raises(TaskyardError) as caught:
        read(lay_out(case, tmp_path), ENVIRON)
    [fault] = caught.value.faults
    assert expected in str(fault)
    assert fault.path is not None
    assert fault.line is not None or case.stem == "empty-file"
    assert fault.hint


def test_the_message_has_what_where_and_what_to_do(reader: Reader) -> None:
    """Every error of the course has this form."""
    [fault] = reader.faults(
        """\
        services:
          worker:
            image: i
            depends_on:
              - redis
        """
    )
    assert str(fault) == (
        "error: service `worker` depends on `redis`, which does not exist\n"
        f"  --> {reader.file}:4\n"
        "\n"
        "hint: add a service `redis`, or remove it from `depends_on`"
    )


def test_all_faults_of_a_file_come_at_once(reader: Reader) -> None:
    """They are sorted by line, whatever kind they are."""
    (reader.folder / ".env").write_text("A B=1\n")
    faults = reader.faults(
        """\
        services:
          redis:
            images: redis
          worker:
            image: ${IMAGE:?say which}
            ports: {http: 80}
            stop_grace_period: 5
            depends_on: [rediss]
        volums: {}
        """
    )
    assert [(fault.path and fault.path.name, fault.line) for fault in faults] == [
        (".env", 1),
        ("compose.yaml", 2),
        ("compose.yaml", 3),
        ("compose.yaml", 5),
        ("compose.yaml", 6),
        ("compose.yaml", 7),
        ("compose.yaml", 8),
        ("compose.yaml", 9),
    ]


def test_a_fault_behind_an_alias_is_reported_once(reader: Reader) -> None:
    """The line is that of the anchor."""
    faults = reader.faults(
        """\
        x-worker: &worker
          image: ${IMAGE:?say which}
        services:
          a: *worker
          b: {<<: *worker}
        """
    )
    assert [(fault.line, fault.what) for fault in faults] == [
        (2, "the variable `IMAGE` is not set: say which")
    ]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("depend_on", "did you mean `depends_on`?"),
        ("environement", "did you mean `environment`?"),
        ("port", "did you mean `ports`?"),
        ("healtcheck", "did you mean `healthcheck`?"),
        ("colour", "remove `colour`"),
    ],
)
def test_a_near_miss_is_named(reader: Reader, key: str, hint: str) -> None:
    """A typing error is found at a glance."""
    fault = reader.fault(f"{key}: x")
    assert (fault.what, fault.line) == (f"`services.a.{key}` is not a key of Compose", 4)
    assert fault.hint == hint


def test_what_compose_knows_and_taskyard_does_not_is_refused(reader: Reader) -> None:
    """Nothing is dropped in silence."""
    fault = reader.fault("hostname: x")
    assert fault.what == (
        "`services.a.hostname` is part of Compose, but Taskyard does not read `hostname`"
    )
    assert fault.line == 4


def test_no_key_is_both_read_and_not_read() -> None:
    """The two lists together are what Compose knows."""
    assert frozenset() == SERVICE & SERVICE_NOT_READ


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ("cap_add: [ALL]", "`services.a.cap_add` is part of Compose"),
        ("cap_drop: [ALL, ALL]", "repeats `ALL`"),
        ("read_only: all", "`services.a.read_only` must be `true` or `false`"),
        ("shm_size: some", "`some` is not a size"),
        ("logging: {drivers: local}", "`services.a.logging.drivers` is not a key of Compose"),
        ("build: {context: ., dockerfile_inline: FROM x}", "does not read `dockerfile_inline`"),
        ("build: https://example.org/a.git", "is not on this machine"),
        ("deploy: {mode: global}", "does not read `mode`"),
        ("deploy: {resources: {limits: {pids: 5}}}", "does not read `pids`"),
        ("deploy: {replicas: -1}", "`services.a.deploy.replicas` is below zero"),
        ("deploy: {endpoint_mode: dns}", "cannot be `dns`"),
        ("stop_grace_period: -5s", "the duration `-5s` is below zero"),
        ("restart: sometimes", "`services.a.restart` cannot be `sometimes`"),
        ("restart: on-failure:x", "`services.a.restart` cannot be `on-failure:x`"),
        ("ports: [{target: 99999}]", "99999 is not a port of a container"),
        ("ports: [{target: 80, published: x}]", "`x` is not a port number"),
        ("ports: [{target: 80, name: web}]", "does not read `name`"),
        ("ports: ['80:80', '80:80']", "repeats the port 80"),
        ("ports: ['90-80']", "the range `90-80` runs backwards"),
        ("expose: [http]", "`http` is not a port number"),
        ("volumes: [data]", "`data` is not an absolute path"),
        ("volumes: ['vol:data']", "`data` is not an absolute path"),
        ("volumes: ['v:/data']", "Compose reads `v:` as a drive of Windows"),
        ("volumes: ['.:/app:Z']", "the option `Z` is not read"),
        ("volumes: ['.:/a', './b:/a/']", "two mounts are at `/a`, the first in line 4"),
        ("volumes: [{type: bind, source: ., target: /a, bind: {}}]", "does not read `bind`"),
        ("tmpfs: ['/a:mode=1777']", "the option `mode=1777` is not read"),
        ("healthcheck: {test: [CMD-SHELL, a, b]}", "has 2 texts after `CMD-SHELL`"),
        ("healthcheck: {test: [CMD]}", "names no command"),
        ("healthcheck: {test: ''}", "is an empty text"),
        ("environment: [A=1, A=2]", "`services.a.environment` sets `A` twice"),
        ("environment: [=1]", "`services.a.environment[0]` has no name"),
        ("profiles: [p, p]", "repeats `p`"),
        ("container_name: a b", "`a b` is not a name for a container"),
        ("env_file: .", "the environment file `.` is a folder"),
        ("env_file: [{path: a.env, required: false, format: raw}]", "does not read `format`"),
        ("image: !custom i", "the tag `!custom` is not read"),
        ("environment: {A: .inf}", "must be a text, a number"),
        ('user: "a\\0b"', "the text holds a character that no program accepts"),
    ],
)
def test_the_reader_is_stricter_than_compose(reader: Reader, entry: str, what: str) -> None:
    """Compose accepts or ignores these, and the stack fails later or does something else."""
    if entry.startswith("image"):
        [fault] = reader.faults(f"services: {{a: {{{entry}}}}}")
    else:
        fault = reader.fault(entry)
        assert fault.line == 4
    assert what in fault.what
    assert fault.hint


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("name: Shop\nservices: {a: {image: i}}", "`Shop` cannot be a project's name"),
        ("name: shop", "the file has no services"),
        ("services: {}", "the file has no services"),
        ("services: {a: {image: i}}\n---\nservices: {b: {image: i}}", "a second document"),
        ("x-a: &a 1\nx-b: &a i\nservices: {a: {image: *a}}", "there is an anchor of this name"),
        ("include: [x.yaml]\nservices: {a: {image: i}}", "does not read `include`"),
        ("services:\n  a: &a\n    <<: *a\n    image: i", "an anchor merges itself"),
        (
            "services: {a: {image: i, networks: [n]}}\nnetworks: {n: {external: {name: x}}}",
            "`networks.n.external` is a map, which Compose no longer accepts",
        ),
    ],
)
def test_the_reader_is_stricter_with_whole_files(reader: Reader, text: str, what: str) -> None:
    """A second document, no service, or a map that merges itself can serve no purpose."""
    [fault] = reader.faults(text)
    assert what in fault.what
    assert fault.hint


@pytest.mark.parametrize(
    "entry",
    [
        "environment: {DAY: 2024-01-01}",
        "environment: {DAY: 2024-1-1 9:00:00}",
        "environment: {2024-01-01: x}",
        "environment: [2024-01-01]",
        "labels: {since: 2024-01-01T10:00:00Z}",
        "command: [report, 2024-01-01]",
        "x-since: 2024-01-01",
    ],
)
def test_a_date_without_quotes_is_refused_with_its_line(reader: Reader, entry: str) -> None:
    """Docker turns it into `2024-01-01 00:00:00 +0000 UTC`, which nobody wants."""
    fault = reader.fault(f"user: x\n{entry}")
    assert fault.line == 5
    assert "as a date, which Docker would rewrite" in fault.what
    assert (fault.hint or "").startswith('put it in quotes: `"2024-')


def test_a_date_in_quotes_or_in_a_longer_text_is_a_text(reader: Reader) -> None:
    """So is a date that does not exist."""
    service = reader.service(
        """
        environment:
          A: "2024-01-01"
          B: !!str 2024-01-01
          C: until 2024-01-01
          D: 2024-02-30
          E: 2024-01-01T10:00
        """
    )
    texts = ["2024-01-01", "2024-01-01", "until 2024-01-01", "2024-02-30", "2024-01-01T10:00"]
    assert list(service.environment.values()) == texts


@pytest.mark.parametrize("kind", ["environment", "labels", "x-note"])
@pytest.mark.parametrize(
    ("key", "what"),
    [
        (r"A\0", "the key holds a character that no program accepts"),
        (r"\ud800", "the key holds a character that no program accepts"),
        (r"\n", "the key is a line break and nothing else"),
    ],
)
def test_a_key_that_nothing_can_be_called_by_is_refused_with_its_line(
    reader: Reader, kind: str, key: str, what: str
) -> None:
    """One fault, in words that can be printed."""
    fault = reader.fault(f'{kind}:\n  "{key}": x')
    assert (fault.what, fault.line) == (what, 5)
    assert (fault.what + (fault.hint or "")).isprintable()


@pytest.mark.parametrize("version", ["1.2", "1.0", "2.0"])
def test_another_version_of_yaml_is_refused_with_its_line(reader: Reader, version: str) -> None:
    """Docker reads 1.1, and says `found incompatible YAML document`."""
    [fault] = reader.faults(f"# shop\n%YAML {version}\n---\nservices: {{a: {{image: i}}}}")
    assert fault.what == "Docker reads YAML 1.1, and this line asks for another version"
    assert (fault.line, fault.hint) == (2, "remove the line `%YAML …`")


def test_the_version_of_yaml_that_docker_reads_may_be_named(reader: Reader) -> None:
    """It changes nothing."""
    assert reader.read("%YAML 1.1\n---\nservices: {a: {image: i}}").services["a"].image == "i"


@pytest.mark.parametrize("count", ["1e21", "1001", "99999999999999999999"])
@pytest.mark.parametrize("entry", ["scale: {}", "deploy: {{replicas: {}}}"])
def test_the_number_of_replicas_has_a_bound(reader: Reader, entry: str, count: str) -> None:
    """No Docker network holds more, and Docker turns 1e21 into a negative number."""
    fault = reader.fault(entry.format(count))
    assert fault.line == 4
    assert f"is `{count}`, but can be 1000 at most" in fault.what
    assert fault.hint == "write a smaller number"


def test_a_number_that_docker_cannot_count_to_is_refused(reader: Reader) -> None:
    """Docker turns it into 9223372036854775808."""
    fault = reader.fault("healthcheck: {test: x, retries: 1e21}")
    assert "retries` is `1e21`, but can be 9223372036854775807 at most" in fault.what


def test_extensions_may_stand_anywhere(reader: Reader) -> None:
    """Nothing reads them, but an anchor may stand in them."""
    project = reader.read(
        """
        x-top: &top {A: 1}
        services:
          a:
            image: i
            environment: *top
            x-own: {three: true}
            deploy: {x-note: why}
            healthcheck: {test: b, x-note: how}
        """
    )
    assert project.services["a"].environment == {"A": "1"}


def test_a_disabled_healthcheck_has_no_test(reader: Reader) -> None:
    """`NONE` and `disable: true` are the same."""
    for entry in ("{test: [NONE]}", "{disable: true, test: a}"):
        check = reader.service(f"healthcheck: {entry}").healthcheck
        assert check == Healthcheck(disable=True)


# ---------------------------------------------------------------- warnings


@pytest.mark.parametrize(
    ("entry", "warning"),
    [
        ("user: $WHO", "compose.yaml:4: the variable `WHO` is not set, so it becomes empty"),
        ("init: 'yes'", "compose.yaml:4: `yes` is text in YAML 1.2; write `true`"),
        (
            "environment: {VERSION: 1.10}",
            "compose.yaml:4: `services.a.environment.VERSION` is a number and becomes `1.1`; "
            'write `"1.10"` to keep it as it is',
        ),
        (
            "command: celery worker && echo done",
            "compose.yaml:4: `services.a.command` ends before `&& echo done`, because no shell "
            "reads it; for a shell write `sh -c '…'`",
        ),
    ],
)
def test_what_compose_accepts_and_nobody_wants_is_a_warning(
    reader: Reader, entry: str, warning: str
) -> None:
    """The project is read, with a warning about what may surprise."""
    reader.service(entry)
    assert reader.read(reader.file.read_text()).warnings == (warning,)


def test_an_obsolete_version_is_a_warning(reader: Reader) -> None:
    """Compose says the same."""
    project = reader.read("version: '3'\nservices: {a: {image: i}}")
    assert project.warnings == (
        "compose.yaml:1: `version` is obsolete and has no effect; remove the line",
    )


# ---------------------------------------------------------------- variables


def test_the_shell_wins_over_the_file_beside(reader: Reader) -> None:
    """A variable of `.env` is a default."""
    (reader.folder / ".env").write_text("A=dot\nB=dot\n")
    text = "services: {a: {image: i, command: [$A, $B], environment: {A: , B: , C: }}}"
    service = reader.read(text, {"A": "shell"}).services["a"]
    assert service.command == ("shell", "dot")
    assert service.environment == {"A": "shell", "B": "dot"}


def test_named_files_replace_the_file_beside(reader: Reader) -> None:
    """A later file overrides an earlier one."""
    (reader.folder / ".env").write_text("A=beside\n")
    files = [reader.folder / "1.env", reader.folder / "2.env"]
    files[0].write_text("B=1\nC=1\n")
    files[1].write_text("C=2\nD=$B\n")
    text = "services: {a: {image: i, command: ['${A-unset}', $B, $C, $D]}}"
    assert reader.read(text, {}, files).services["a"].command == ("unset", "1", "2", "1")


def test_a_named_file_has_to_exist(reader: Reader) -> None:
    """Only the `.env` beside the file may be missing."""
    with pytest.raises(TaskyardError, match=r"`no\.env` cannot be read: no such file"):
        reader.read("services: {a: {image: i}}", {}, [reader.folder / "no.env"])


def test_the_environment_of_the_process_is_the_default(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is that of `docker compose` as well."""
    monkeypatch.setenv("TASKYARD_TEST_VALUE", "here")
    reader.file.write_text("services: {a: {image: $TASKYARD_TEST_VALUE}}")
    assert read(reader.file).services["a"].image == "here"


# ---------------------------------------------------------------- files, speed, robustness


def test_a_relative_path_is_read_from_the_working_directory(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project holds the absolute one."""
    reader.file.write_text("services: {a: {image: i, volumes: ['.:/a']}}")
    monkeypatch.chdir(reader.folder)
    project = read(Path("compose.yaml"), {})
    assert project.path == reader.file
    assert project.services["a"].volumes[0].source == str(reader.folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no file `compose.yaml`"),
        (b"services:\n  a: {image: gr\xfc\xdfe}\n", "`compose.yaml` is not UTF-8"),
        (b"services: {a: {image: '\x07'}}", r"the character U\+0007 is not allowed"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(
    reader: Reader, content: bytes | None, message: str
) -> None:
    """No traceback for a wrong path or encoding."""
    if content is not None:
        reader.file.write_bytes(content)
    with pytest.raises(TaskyardError, match=message):
        read(reader.file, {})


def test_a_text_is_read_as_if_it_stood_at_its_place(tmp_path: Path) -> None:
    """No file is written to read it, and what stands beside that place counts."""
    (tmp_path / ".env").write_text("TAG=8\n")
    text = "name: shop\nservices: {redis: {image: 'redis:${TAG}', volumes: ['./data:/data']}}"
    project = read(tmp_path / "compose.yaml", {}, text=text)
    redis = project.services["redis"]
    assert ("redis:8", str(tmp_path / "data")) == (redis.image, redis.volumes[0].source)
    assert [".env"] == [path.name for path in tmp_path.iterdir()]


def test_reading_loads_no_large_package() -> None:
    """`make lab-N` reads a file before it knows what it needs."""
    code = (
        "import sys, taskyard.compose;"
        "print({'rich', 'celery', 'redis', 'click', 'dotenv'} & sys.modules.keys() or 'none')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "none"


def test_a_lab_s_file_costs_little_more_than_its_yaml(tmp_path: Path) -> None:
    """Less than five times what PyYAML needs; of each the fastest of ten, which alternate."""
    file = lay_out(next(case for case in GOOD if case.stem == "shop"), tmp_path)
    text = file.read_text()

    def duration_s(action: Callable[[], object]) -> float:
        start = time.perf_counter()
        action()
        return time.perf_counter() - start

    pairs = [
        (duration_s(lambda: yaml.safe_load(text)), duration_s(lambda: read(file, ENVIRON)))
        for _ in range(10)
    ]
    parsing_s, reading_s = map(min, zip(*pairs, strict=True))
    assert reading_s < 5 * parsing_s


NASTY = {
    "only spaces": "   \n  ",
    "only a comment": "# nothing",
    "a null": "~",
    "a number": "5",
    "deep brackets": "[" * 5000,
    "deep maps": "{a: " * 3000,
    "deep variables": "services: {a: {image: '" + "${A:-" * 3000 + "}" * 3000 + "'}}",
    "aliases without end": "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n"
        for a, b in zip("abcdefg", "bcdefgh", strict=True)
    ),
    "merges without end": "a: &a {<<: *a}\nservices: {a: *a}",
    "services in themselves": "services: &s {a: *s}",
    "a service in itself": "services: {a: &a {image: i, environment: *a}}",
    "a list as key": "services: {[a]: b}",
    "a map as key": "? {a: b}\n: c",
    "a null as key": "services: {~: {image: i}}",
    "an empty key": "services: {'': {image: i}}",
    "all null": "services: {a: {" + ", ".join(f"{key}: " for key in sorted(SERVICE)) + "}}",
    "all lists": "services: {a: {" + ", ".join(f"{key}: [[]]" for key in sorted(SERVICE)) + "}}",
    "all maps": "services: {a: {" + ", ".join(f"{key}: {{a: }}" for key in sorted(SERVICE)) + "}}",
    "all flags": "services: {a: {" + ", ".join(f"{key}: true" for key in sorted(SERVICE)) + "}}",
    "all floats": "services: {a: {" + ", ".join(f"{key}: .nan" for key in sorted(SERVICE)) + "}}",
    "lists at the top": "{name: [], services: [], networks: [], volumes: [], secrets: []}",
    "nulls at the top": "{name: , services: , networks: , volumes: , configs: , version: }",
    "null entries": "{services: {a: }, networks: {a: }, volumes: {a: }, secrets: {a: }}",
    "a huge number": "services: {a: {image: i, scale: " + "9" * 5000 + "}}",
    "a huge exponent": "services: {a: {image: i, environment: {A: 1e999999}}}",
    "a huge hexadecimal": "services: {a: {image: i, scale: 0x" + "f" * 5000 + "}}",
    "a huge duration": "services: {a: {image: i, stop_grace_period: " + "9" * 5000 + "h}}",
    "a huge size": "services: {a: {build: ., deploy: {resources: {limits: {memory: "
    + "9" * 400
    + "g}}}}}",
    "underscores only": "services: {a: {image: i, scale: 0x_}}",
    "digits of other scripts": "services: {a: {image: i, ports: ['٣'], scale: '٣', cpus: '٣'}}",
    "a nul": 'services: {a: {image: i, env_file: "a\\0b"}}',
    "half a pair": 'services: {a: {image: i, volumes: ["./\\ud800:/a"]}}',
    "a very long path": "services: {a: {image: i, env_file: " + "x" * 5000 + "}}",
    "a home of nobody": "services: {a: {image: i, volumes: ['~nobody-here/x:/a']}}",
    "a python object": "services: !!python/object/apply:os.system [echo]",
    "binary": "services: {a: {image: !!binary aGk=}}",
    "a set": "services: !!set {a, b}",
    "a directive": "%YAML 2.0\n---\nservices: {}",
    "two documents": "a: 1\n---\n---\n",
    "an open quote": "services: '",
    "a block without text": "services: |",
    "a bare star": "services: *",
    "a bare ampersand": "services: &",
    "a bare bang": "services: !",
    "a percent": "%",
    "a backtick": "services: `a`",
    "an at": "@",
    "an escape": 'a: "\\q"',
    "a long circle": "services: {"
    + ", ".join(f"s{n}: {{image: i, depends_on: [s{(n + 1) % 2000}]}}" for n in range(2000))
    + "}",
}


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
def test_no_text_ends_in_a_traceback(reader: Reader, text: str) -> None:
    """Whatever stands in the file, the answer is a project or an error with a cure."""
    reader.file.write_text(text, encoding="utf-8")
    try:
        read(reader.file, {})
    except TaskyardError as error:
        assert all(fault.what and fault.path and fault.hint for fault in error.faults)


SCALARS = st.sampled_from(
    (
        *("", "a", "b", "1", "1.5", "true", "~", "a:b", "/a", "./a:/b", "80:80", "1s", "512M"),
        *("$A", "${A", "*x", "CMD", "service_healthy", "on-failure:2", "a && b", "x-y"),
        *("'", "[", "\\", "<<"),
    )
)
KEYS = st.sampled_from(
    (
        *sorted(SERVICE),
        *("test", "interval", "replicas", "resources", "limits", "memory", "target", "type"),
        *("source", "path", "condition", "aliases", "watch", "context", "args", "x-a", "a"),
    )
)
VALUES = st.recursive(
    SCALARS | st.integers(-1, 99999) | st.booleans() | st.none() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(
    st.sampled_from(["services", "name", "version", "networks", "volumes", "secrets", "configs"]),
    VALUES | st.dictionaries(SCALARS, st.dictionaries(KEYS, VALUES, max_size=4), max_size=3),
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(document=DOCUMENTS)
def test_no_document_ends_in_a_traceback(reader: Reader, document: object) -> None:
    """Known keys with any values give a project or an error with a message."""
    import yaml

    reader.file.write_text(yaml.safe_dump(document), encoding="utf-8")
    try:
        assert read(reader.file, {"A": "a"}).services
    except TaskyardError as error:
        assert all(fault.what and fault.hint for fault in error.faults)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(st.sampled_from("ab:-{}[]&*!|>'\"%@` \n\t#?,$<~1\\"), max_size=40))
def test_no_scribble_ends_in_a_traceback(reader: Reader, text: str) -> None:
    """YAML's punctuation in any order gives a project or an error with a message."""
    reader.file.write_text(f"services: {{a: {{image: i}}}}\nx-a: {text}", encoding="utf-8")
    try:
        read(reader.file, {})
    except TaskyardError as error:
        assert all(fault.what and fault.hint for fault in error.faults)
