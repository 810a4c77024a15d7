"""The planner of layers, held against what BuildKit really reuses."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from taskyard.topics.image_layers import Source, Step, plan
from taskyard.topics.image_layers.builder import Builder, BuiltStep

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("layers-against-docker")]

BASE = "python:3.13-slim"
Edit = Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """
    Two builds of one folder.

    Attributes:
        edit: What happens to the folder between them.
        again: How many steps the second build runs, by hand; None where that depends on the store.
    """

    name: str
    dockerfile: str
    again: int | None
    files: Mapping[str, str] = field(default_factory=lambda: {"shop.py": "1", "pins.txt": "1"})
    edit: Edit = lambda folder: None
    first: Mapping[str, str] = field(default_factory=dict)
    second: Mapping[str, str] = field(default_factory=dict)


def write(name: str, text: str) -> Edit:
    return lambda folder: (folder / name).write_text(text)


def change(old: str, new: str) -> Edit:
    """Rewrite the Dockerfile."""

    def edit(folder: Path) -> None:
        path = folder / "Dockerfile"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return edit


def link(name: str, target: str) -> Edit:
    def edit(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return edit


CODE_FIRST = "FROM base\nWORKDIR /app\nCOPY . .\nRUN cp pins.txt installed\n"
PINS_FIRST = "FROM base\nWORKDIR /app\nCOPY pins.txt .\nRUN cp pins.txt installed\nCOPY . .\n"
IGNORED = {"shop.py": "1", "pins.txt": "1", ".env": "1", ".dockerignore": ".env\nDockerfile\n"}
STAGES = """FROM base AS build
COPY pins.txt .
RUN cp pins.txt out
FROM base
COPY shop.py .
COPY --from=build /out /out
RUN true
"""
ARG_EARLY = "FROM base\nARG COMMIT\nCOPY pins.txt .\nRUN true\nCOPY shop.py .\n"
ARG_LATE = (
    "FROM base\nCOPY pins.txt .\nRUN true\nARG COMMIT\nLABEL revision=$COMMIT\nCOPY shop.py .\n"
)
OTHER, ONE, TWO = write("shop.py", "2"), {"COMMIT": "1"}, {"COMMIT": "2"}

CASES = [
    Case("nothing changes", PINS_FIRST, 0),
    Case("code is copied first", CODE_FIRST, 2, edit=OTHER),
    Case("pins are copied first", PINS_FIRST, 1, edit=OTHER),
    Case("a pin changes", PINS_FIRST, 3, edit=write("pins.txt", "2")),
    Case("an ignored file changes", CODE_FIRST, 0, IGNORED, write(".env", "2")),
    Case(
        "all is ignored but one file",
        "FROM base\nCOPY . .\n",
        0,
        {"shop.py": "1", "a/b/pins.txt": "1", ".dockerignore": "**\n!nonce\n!a/**/*.txt\n"},
        OTHER,
    ),
    Case(
        "only the time of a file changes",
        CODE_FIRST,
        0,
        edit=lambda f: os.utime(f / "shop.py", (1, 1)),
    ),
    Case("the mode of a file changes", PINS_FIRST, 1, edit=lambda f: (f / "shop.py").chmod(0o755)),
    Case(
        "the mode of a folder changes",
        "FROM base\nCOPY . .\n",
        1,
        {"pkg/shop.py": "1"},
        lambda f: (f / "pkg").chmod(0o700),
    ),
    Case("a link points elsewhere", "FROM base\nCOPY . .\n", 1, edit=link("shop.py", "pins.txt")),
    Case(
        "a link is copied by its name",
        "FROM base\nCOPY current.py .\nCOPY pins.txt .\n",
        2,
        edit=lambda f: (f / "shop.py").write_text("2"),
    ),
    Case(
        "a comment", "FROM base\nCOPY pins.txt .\nRUN true\n", 0, edit=change("RUN", "# why\nRUN")
    ),
    Case(
        "a comment, and the Dockerfile is copied", CODE_FIRST, 2, edit=change("RUN", "# why\nRUN")
    ),
    Case(
        "one more space in RUN",
        "FROM base\nRUN cp /etc/hostname /a\n",
        1,
        edit=change("cp /e", "cp  /e"),
    ),
    Case("an early argument", ARG_EARLY, 2, first=ONE, second=TWO),
    Case("a late argument", ARG_LATE, 0, first=ONE, second=TWO),
    Case(
        "an argument that a variable hides",
        "FROM base\nARG COMMIT\nENV COMMIT=none\nRUN true\n",
        0,
        first=ONE,
        second=TWO,
    ),
    Case(
        "an environment variable",
        "FROM base\nCOPY pins.txt .\nENV MODE=api\nRUN true\nCOPY shop.py .\n",
        2,
        edit=change("MODE=api", "MODE=worker"),
    ),
    Case(
        "a variable in a place",
        "FROM base\nENV PLACE=/a\nCOPY pins.txt $PLACE/\nRUN true\n",
        2,
        edit=change("PLACE=/a", "PLACE=/b"),
    ),
    Case("a label", "FROM base\nLABEL a=1\nRUN true\n", 0, edit=change("a=1", "a=2")),
    Case(
        "a user",
        "FROM base\nCOPY pins.txt .\nUSER 1\nRUN true\n",
        1,
        edit=change("USER 1", "USER 2"),
    ),
    Case(
        "a user above WORKDIR",
        "FROM base\nUSER 1\nWORKDIR /a\n",
        1,
        edit=change("USER 1", "USER 2"),
    ),
    Case("code in the last stage", STAGES, 3, edit=OTHER),
    Case("a pin in the first stage", STAGES, 4, edit=write("pins.txt", "2")),
    Case(
        "a pin, and the same comes out",
        STAGES.replace("cp pins.txt out", "true >out"),
        2,
        edit=write("pins.txt", "2"),
    ),
    Case(
        "a stage that nobody needs",
        "FROM base AS tests\nCOPY shop.py .\nFROM base\nCOPY pins.txt .\n",
        0,
        edit=OTHER,
    ),
    Case(
        "a stage upon a stage",
        "FROM base AS common\nARG COMMIT\nCOPY pins.txt .\nFROM common\nRUN true\n",
        1,
        first=ONE,
        second=TWO,
    ),
    Case(
        "a cache mount",
        "FROM base\nCOPY shop.py .\nRUN --mount=type=cache,target=/c date >> /c/d && cp /c/d /d\n",
        2,
        edit=OTHER,
    ),
    Case(
        "a mounted file",
        "FROM base\nRUN --mount=type=bind,source=pins.txt,target=/p cp /p /q\nCOPY shop.py .\n",
        2,
        edit=write("pins.txt", "2"),
    ),
    Case(
        "a linked copy, in a store that cannot link or in one that can",
        "FROM base\nCOPY shop.py .\nCOPY --link pins.txt /\n",
        None,
        edit=OTHER,
    ),
]


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    with Builder(f"taskyard-layers-{secrets.token_hex(3)}") as builder:
        yield builder


def lay_out(case: Case, folder: Path) -> None:
    """Write a case's files; each stage begins with a file that no other run has had."""
    for name, text in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "nonce").write_text(secrets.token_hex(8))
    lines = case.dockerfile.replace("FROM base", f"FROM {BASE}").splitlines()
    fresh = [
        f"{line}\nCOPY nonce /nonce-{number}" if line.startswith("FROM ") else line
        for number, line in enumerate(lines)
    ]
    (folder / "Dockerfile").write_text("\n".join(fresh) + "\n")
    if "current.py" in case.dockerfile:
        link("current.py", "shop.py")(folder)


def planned(steps: list[Step]) -> list[str]:
    return [step.verdict for step in steps if step.makes_layer and step.verdict != "not built"]


def really(steps: tuple[BuiltStep, ...], order: list[Step]) -> list[str]:
    """Bring the steps into the Dockerfile's order: BuildKit prints them as they begin."""
    stages = list(dict.fromkeys(step.stage for step in order))
    ordered = sorted(steps, key=lambda s: (s.stage in stages and stages.index(s.stage), s.number))
    return ["reused" if step.is_cached else "again" for step in ordered]


def agree(real: list[str], plan: list[str]) -> bool:
    """Compare, where `depends` leaves the answer to the build."""
    pairs = zip(real, plan, strict=True)
    return all(word in (seen, "depends") for seen, word in pairs)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_the_planner_says_what_buildkit_does(case: Case, builder: Builder, tmp_path: Path) -> None:
    """Each step that is planned as reused is CACHED, and each other one is not."""
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    lay_out(case, before)
    builder.build(before, arguments=case.first)
    before.rename(after)
    shutil.copytree(after, before, symlinks=True)
    case.edit(after)
    second = builder.build(after, arguments=case.second)

    steps = plan(Source(before, case.first), Source(after, case.second))
    real = really(second.steps, steps)
    assert agree(real, planned(steps)), f"{real}\n" + "\n".join(map(str, steps))
    assert case.again in (real.count("again"), None)


def test_a_changed_base_changes_all(builder: Builder, tmp_path: Path) -> None:
    """A base image of the same name and another content is another base."""
    name = f"{builder.project}:base"
    (tmp_path / "base").mkdir()
    for text in ("1", "2"):
        lay_out(Case("", "FROM base\n", 0, {"a": text}), tmp_path / "base")
        built = builder.build(tmp_path / "base")
        builder.run("tag", built.image, name)
        if text == "1":
            lay_out(Case("", f"FROM {name}\nRUN true\n", 0), tmp_path)
            builder.build(tmp_path)
    second = builder.build(tmp_path)
    sources = [Source(tmp_path, bases={name: digest}) for digest in ("sha256:1", "sha256:2")]
    steps = plan(*sources)
    assert ["again", "again"] == planned(steps) == really(second.steps, steps)
    assert f"another image has the name `{name}` now" == steps[0].reason
