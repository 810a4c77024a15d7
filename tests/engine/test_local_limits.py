"""What processes cannot show of a Compose project: said before the start, or refused."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from taskyard.compose import read
from taskyard.engine.docker import DockerEngine
from taskyard.engine.embedded import postgres
from taskyard.engine.local import LocalEngine
from taskyard.engine.places import place_of, refuse
from taskyard.engine.protocol import IMAGE
from taskyard.errors import TaskyardError
from taskyard.kit.stack import Stack


def project(folder: Path, options: str, rest: str = ""):
    text = "services:\n  shop:\n" + textwrap.indent(textwrap.dedent(options), "    ") + rest
    (folder / "compose.yaml").write_text(text)
    return read(folder / "compose.yaml")


def test_each_limit_is_one_sentence_and_docker_has_none(tmp_path: Path) -> None:
    """Images, limits, users and networks are named with the services they belong to."""
    shop = project(
        tmp_path,
        """
        build: .
        command: python shop.py
        user: "1000"
        networks: [back]
        deploy: {resources: {limits: {memory: 64M}}}
        """,
        "networks:\n  back:\n",
    )
    assert LocalEngine.unsupported(shop) == [
        "builds no image for `shop`: its command runs as it is",
        "limits neither memory nor CPU of `shop`",
        "runs `shop` as you, not as its `user`",
        "isolates no network: `back`",
    ]
    assert DockerEngine.unsupported(shop) == []


def test_a_plain_project_has_nothing_to_say(tmp_path: Path) -> None:
    """No sentence where there is no difference."""
    plain = project(tmp_path, f"image: {IMAGE}\ncommand: python shop.py\n")
    assert LocalEngine.unsupported(plain) == []


@pytest.mark.parametrize(
    ("options", "rest", "message", "line"),
    [
        ("image: nginx\n", "", "the local engine does not know `nginx`", 3),
        (
            "image: x\ncommand: run\nvolumes: ['/etc:/etc/shop']\nworking_dir: /lab\n",
            "",
            "mounts `/etc/shop`, which does not exist on this machine",
            5,
        ),
        ("image: x\ncommand: run\ntmpfs: /run\n", "", "mounts `/run`", 5),
        (
            "image: redis:8-alpine\nvolumes: ['/data', 'rules:/etc/redis']\n",
            "volumes: {rules: }\n",
            "mounts `/etc/redis`, which does not exist on this machine",
            4,
        ),
        (
            "image: x\ncommand: run\nvolumes: ['.:/lab', '/lab/rows']\n",
            "",
            "mounts a volume without a name at `/lab/rows`",
            5,
        ),
        (
            "image: x\ncommand: run\nsecrets: [key]\n",
            "secrets: {key: {environment: KEY}}\n",
            "uses `secrets`",
            5,
        ),
    ],
)
def test_what_cannot_be_mapped_is_refused_with_its_line(
    tmp_path: Path, options: str, rest: str, message: str, line: int
) -> None:
    """Nothing starts, and the hint names Docker."""
    with pytest.raises(TaskyardError) as caught:
        refuse(project(tmp_path, options, rest))
    assert message in str(caught.value)
    assert f"compose.yaml:{line}" in str(caught.value)
    assert "run this lab with Docker" in str(caught.value)


def test_a_dependency_that_no_profile_starts_is_refused_with_its_line(tmp_path: Path) -> None:
    """Docker says `depends on undefined service`, and leaves out one that is not required."""
    rest = "  report:\n    image: redis:8-alpine\n    profiles: [monthly]\n"
    options = "image: redis:8-alpine\ndepends_on:\n  report:\n    condition: service_started\n"
    with pytest.raises(TaskyardError) as caught:
        refuse(project(tmp_path, options, rest))
    [fault] = caught.value.faults
    assert fault.what == (
        "service `shop` depends on `report`, which is in a profile and does not start"
    )
    assert (fault.line, fault.hint) == (4, "remove `profiles` from `report`")
    refuse(project(tmp_path, f"{options}    required: false\n", rest))


@pytest.mark.parametrize(("image", "times"), [("postgres:17", 1), ("redis:8-alpine", 0)])
def test_postgres_is_installed_for_a_project_that_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str, times: int
) -> None:
    """Whoever learns about Redis does not wait for it, and two servers need it once."""
    calls = 0

    def install() -> None:
        nonlocal calls
        calls += 1

    monkeypatch.setattr(postgres, "install", install)
    project(tmp_path, f"image: {image}\n", f"  other:\n    image: {image}\n")
    Stack(tmp_path, "local").close()
    assert calls == times


def test_all_that_is_refused_is_said_at_once(tmp_path: Path) -> None:
    """Two faults of a file are two faults of the error."""
    with pytest.raises(TaskyardError) as caught:
        refuse(project(tmp_path, "image: nginx\ntmpfs: [/run, /tmp]\n"))
    assert len(caught.value.faults) == 3


def test_the_working_directory_is_mapped_through_its_bind(tmp_path: Path) -> None:
    """`/lab/src` below the bind `.:/lab` is the folder `src` of the lab."""
    options = "image: x\ncommand: run\nvolumes: ['.:/lab', 'rows:/lab/src/rows']\n"
    shop = project(tmp_path, options + "working_dir: /lab/src\n", "volumes: {rows: }\n")
    place = place_of(shop.services["shop"], shop)
    assert place.folder == tmp_path / "src"
    assert place.volumes == {tmp_path / "src" / "rows": "rows"}
