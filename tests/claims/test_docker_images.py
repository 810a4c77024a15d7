"""What an instruction of a Dockerfile does, asked of real images."""

from __future__ import annotations

import secrets
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from taskyard.course import Course
from taskyard.deadline import until
from taskyard.kit.contract import load
from taskyard.topics.image_layers.builder import Builder

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("claims-docker-images")]

FROM = "FROM python:3.13-slim\n"
DEADLINE_S = 20.0
SAYS_OPEN = """
import pathlib, time
print("open")
pathlib.Path("/tmp/said").touch()
time.sleep(60)
"""


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    with Builder(f"taskyard-claims-{secrets.token_hex(3)}") as builder:
        yield builder


def build(builder: Builder, folder: Path, dockerfile: str, **options: Any) -> str:
    (folder / "Dockerfile").write_text(FROM + dockerfile)
    return builder.build(folder, **options).image


def run(builder: Builder, image: str, *command: str) -> str:
    return builder.output(image, *command, options=["--network=none"])


def test_pip_compiles_although_python_shall_not(builder: Builder, tmp_path: Path) -> None:
    """PYTHONDONTWRITEBYTECODE keeps Python from writing .pyc files, but pip still writes them."""
    name = "labels-1.0"
    with zipfile.ZipFile(tmp_path / f"{name}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("labels.py", "PRICE = 1\n")
        wheel.writestr(
            f"{name}.dist-info/METADATA", "Metadata-Version: 2.1\nName: labels\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{name}.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{name}.dist-info/RECORD", "")
    (tmp_path / "own.py").write_text("PRICE = 2\n")
    image = build(
        builder,
        tmp_path,
        "ENV PYTHONDONTWRITEBYTECODE=1\nCOPY *.whl own.py /src/\n"
        "RUN pip install --no-index /src/*.whl && cd /src && python -c 'import own'\n",
    )
    found = run(
        builder, image, "sh", "-c", "find / -xdev -name 'labels.*.pyc' -o -name 'own.*.pyc'"
    )
    assert ["labels.cpython-313.pyc"] == [Path(line).name for line in found.split()]


@pytest.mark.parametrize(("setting", "logs"), [("", ""), ("ENV PYTHONUNBUFFERED=1\n", "open\n")])
def test_output_waits_in_a_buffer(
    builder: Builder, tmp_path: Path, setting: str, logs: str
) -> None:
    """Without PYTHONUNBUFFERED a running container has printed a line, and its log has none."""
    (tmp_path / "shop.py").write_text(SAYS_OPEN)
    image = build(builder, tmp_path, f'{setting}COPY shop.py /\nCMD ["python", "/shop.py"]\n')
    container = builder.start(image, "--init")
    script = "import os, sys; sys.stdout.write(str(os.path.exists('/tmp/said')))"
    ask = ("exec", container, "python", "-c", script)
    until(lambda: builder.run(*ask) == "True", "the program to print", DEADLINE_S)
    until(lambda: builder.logs(container) == logs, f"{logs!r} in the log", DEADLINE_S)


def test_expose_publishes_nothing(builder: Builder, tmp_path: Path) -> None:
    """EXPOSE 5001 is a note in the image: no port of the machine leads to the container."""
    image = build(builder, tmp_path, "EXPOSE 5001\n")
    container = builder.start(image, "--init", "--tty")
    assert "" == builder.run("port", container)


def test_an_argument_is_in_the_history(builder: Builder, tmp_path: Path) -> None:
    """Whoever gets the image reads what --build-arg gave to a RUN."""
    token = f"not-a-secret-{secrets.token_hex(8)}"
    image = build(builder, tmp_path, "ARG TOKEN\nRUN true\n", arguments={"TOKEN": token})
    assert token in builder.run("history", "--no-trunc", image)


def test_without_workdir_files_land_in_the_root(builder: Builder, tmp_path: Path) -> None:
    """COPY . . puts code between /bin and /etc when there is no WORKDIR above it."""
    (tmp_path / "shop.py").write_text("")
    image = build(builder, tmp_path, "COPY . .\n")
    assert {"/shop.py", "/bin", "/etc"} <= set(run(builder, image, "sh", "-c", "ls -d /*").split())


def test_copy_gives_files_to_root(builder: Builder, tmp_path: Path) -> None:
    """USER does not change whose files COPY makes; --chown does."""
    (tmp_path / "shop.py").write_text("")
    image = build(builder, tmp_path, "USER 1000\nCOPY shop.py /a\nCOPY --chown=1000 shop.py /b\n")
    assert ["0", "1000"] == run(builder, image, "stat", "-c", "%u", "/a", "/b").split()


@pytest.mark.slow
def test_the_good_order_rebuilds_in_a_fifth_of_the_time(builder: Builder, tmp_path: Path) -> None:
    """A changed line of code installs nothing again where the requirements are copied first."""
    demo = load(Course.discover().lab("image-layers").demo)
    slow = demo.build_twice(builder, tmp_path / "slow", demo.SLOW)
    good = demo.build_twice(builder, tmp_path / "good", demo.GOOD)
    assert ["COPY", "RUN"] == [step.text.split()[0] for step in slow.ran]
    assert ["COPY"] == [step.text.split()[0] for step in good.ran]
    good_s, slow_s = (sum(step.seconds for step in build.ran) for build in (good, slow))
    assert good_s * 5 <= slow_s
