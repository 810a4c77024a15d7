"""Lab 02: the rebuild after one changed line, what makes an image large, and three installers."""

import shutil
import time
from pathlib import Path

from rich.table import Table

from taskyard.errors import TaskyardError
from taskyard.kit.console import Show
from taskyard.kit.stack import Stack
from taskyard.topics.image_layers import what_if
from taskyard.topics.image_layers.builder import Build, Builder
from taskyard.topics.image_layers.context import Context
from taskyard.topics.image_layers.what_if import short

NEEDS_DOCKER = "only a build shows how long a step takes, how large an image is, who runs in it."

GCC = """RUN apt-get update \\
 && apt-get install --yes --no-install-recommends gcc libc6-dev \\
 && rm -rf /var/lib/apt/lists/*
"""
PURGE = "RUN apt-get purge --yes --auto-remove gcc\n"
COMPILE = "COPY ean.c /src/\nRUN gcc -O2 -shared -fPIC -o /src/libean.so /src/ean.c\n"
FROM = "FROM python:3.13-slim"
TAKE = "COPY --from=build /src/libean.so /src/\n"
PIP = "RUN pip install --no-cache-dir -r requirements.txt\n"
SLOW = f"{FROM}\nWORKDIR /app\nCOPY . .\n{PIP}"
GOOD = f"{FROM}\nWORKDIR /app\nCOPY requirements.txt .\n{PIP}COPY . .\n"

SIZES = {
    "the base alone": f"{FROM}\nLABEL kind=base\n",
    "gcc stays": f"{FROM}\n{GCC}{COMPILE}",
    "gcc removed by a later RUN": f"{FROM}\n{GCC}{COMPILE}{PURGE}",
    "two stages": f"{FROM} AS build\n{GCC}{COMPILE}{FROM}\n{TAKE}",
}

REQUIREMENTS = "celery[redis]~=5.6\nsqlalchemy~=2.0\n"
PROJECT = """[project]
name = "shop"
version = "1.0.0"
requires-python = ">=3.13"
dependencies = ["celery[redis]~=5.6", "sqlalchemy~=2.0"]

[tool.poetry]
package-mode = false
"""
# The lock files contain the addresses of a package index, so they are made here and thrown away
INSTALLERS = """
FROM python:3.13-slim AS tool-pip
RUN python -m venv --without-pip /app/.venv

FROM python:3.13-slim AS tool-uv
RUN pip install --no-cache-dir uv
ENV UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1

FROM python:3.13-slim AS tool-poetry
RUN pip install --no-cache-dir poetry
ENV REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt \\
    POETRY_VIRTUALENVS_IN_PROJECT=true POETRY_NO_CACHE=1

FROM tool-uv AS lock-uv
WORKDIR /app
COPY pyproject.toml .
RUN uv lock && uv export --frozen --no-emit-project --no-hashes --output-file requirements.txt

FROM tool-poetry AS lock-poetry
WORKDIR /app
COPY pyproject.toml .
# From the index that pip asks on this machine
RUN index=$(pip config get global.index-url || \\
      python -c 'import pip._internal.models.index as i; print(i.PyPI.simple_url)') \\
 && poetry source add --priority=primary index "$index" && poetry lock \\
 && cp pyproject.toml pyproject-poetry.toml

FROM scratch AS locks
COPY --from=lock-uv /app/uv.lock /app/requirements.txt /
COPY --from=lock-poetry /app/poetry.lock /app/pyproject-poetry.toml /

FROM tool-pip AS with-pip
WORKDIR /app
COPY requirements.txt .
RUN pip --python .venv/bin/python install --no-cache-dir -r requirements.txt

FROM tool-uv AS with-uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev

FROM tool-poetry AS with-poetry
WORKDIR /app
COPY pyproject-poetry.toml pyproject.toml
COPY poetry.lock .
RUN poetry install --only main --no-root --compile

FROM python:3.13-slim AS pip
COPY --from=with-pip /app/.venv /app/.venv
FROM python:3.13-slim AS uv
COPY --from=with-uv /app/.venv /app/.venv
FROM python:3.13-slim AS poetry
COPY --from=with-poetry /app/.venv /app/.venv
"""


def demo(stack: Stack, show: Show) -> None:
    builder = Builder(stack.name)
    folder = stack.state / "builds"
    folder.mkdir()
    rebuild(builder, folder, show)
    sizes(builder, folder, stack.project.folder, show)
    installers(builder, folder, show)
    your_image(stack, show)


def table(*headings: str) -> Table:
    made = Table(box=None, pad_edge=False)
    for heading in headings:
        made.add_column(heading, justify="left" if heading == headings[0] else "right")
    return made


def build_twice(builder: Builder, folder: Path, dockerfile: str) -> Build:
    """Build a shop, change one line of its code, and return the second build."""
    folder.mkdir(exist_ok=True)
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    (folder / ".dockerignore").write_text("Dockerfile\n")
    (folder / "Dockerfile").write_text(dockerfile)
    for greeting in ("Welcome", "Welcome back"):
        # With the time in it, the line is one that no earlier build has had
        (folder / "shop.py").write_text(f'GREETING = "{greeting}"  # {time.time_ns()}\n')
        build = builder.build(folder)
    return build


def rebuild(builder: Builder, folder: Path, show: Show) -> None:
    """Compare the second builds of two Dockerfiles."""
    show.say()
    show.say("Two Dockerfiles with the same instructions. The slow one copies all, then installs:")
    show.raw(SLOW)
    show.say("The good one copies requirements.txt, installs, and copies the rest below.")
    question = "one line of shop.py changes. Which steps does the slow one run again?"
    predicted = show.predict(question)
    with show.step("building both twice"):
        slow = build_twice(builder, folder / "slow", SLOW)
        good = build_twice(builder, folder / "good", GOOD)
    show.compare(predicted, " and ".join(f"`{step.text}`" for step in slow.ran))
    rows = table("after one changed line", "steps reused", "steps run", "seconds")
    for name, build in (("slow", slow), ("good", good)):
        reused = len(build.steps) - len(build.ran)
        rows.add_row(name, str(reused), str(len(build.ran)), f"{build.seconds:.1f}")
    show.say()
    show.table(rows)
    show.say(f"The good rebuild took 1/{slow.seconds / good.seconds:.0f} of the slow one's time.")


def sizes(builder: Builder, folder: Path, files: Path, show: Show) -> None:
    """Add up the layers of images that hold the same small library."""
    show.say()
    show.say("The shop needs a small library in C, so something must compile it.")
    predicted = show.predict("a later RUN removes gcc. By how much does the image shrink?")
    found: dict[str, int] = {}
    with show.step("building it in three ways"):
        shutil.copy(files / "ean.c", folder)
        for name, dockerfile in SIZES.items():
            (folder / "Dockerfile").write_text(dockerfile)
            found[name] = sum(builder.layers(builder.build(folder).image))
    stays, removed = found["gcc stays"], found["gcc removed by a later RUN"]
    change = (removed - stays) / 1e6
    show.compare(predicted, f"not at all: one more layer makes it {change:.1f} MB larger")
    rows = table("image", "MB", "more than the base")
    for name, size in found.items():
        more = (size - found["the base alone"]) / 1e6
        rows.add_row(name, f"{size / 1e6:.0f}", f"{more:.2f}")
    show.say()
    show.table(rows)


def installers(builder: Builder, folder: Path, show: Show) -> None:
    """Install the same packages with pip, uv and Poetry, with and without keeping the installer."""
    show.say()
    show.say("Celery and SQLAlchemy, locked once, installed with pip, uv and Poetry.")
    (folder / "Dockerfile").write_text(INSTALLERS)
    (folder / "pyproject.toml").write_text(PROJECT)
    predicted = show.predict("which of the three makes the smallest image?")
    rows = table("installer", "installs in s", "MB with the installer", "MB without")
    with show.step("making the lock files in the build context"):
        builder.build(folder, target="locks", options=["--output", f"type=local,dest={folder}"])
    with show.step("installing with each"):
        for name in ("pip", "uv", "poetry"):
            again = f"--no-cache-filter=with-{name}"
            without = builder.build(folder, target=name, options=[again])
            kept = builder.build(folder, target=f"with-{name}")
            last = [step for step in without.ran if step.stage == f"with-{name}"][-1]
            large, small = (sum(builder.layers(build.image)) / 1e6 for build in (kept, without))
            rows.add_row(name, f"{last.seconds:.1f}", f"{large:.0f}", f"{small:.0f}")
    show.compare(predicted, "none: what they install is nearly the same; the tool itself is large")
    show.say()
    show.table(rows)


def your_image(stack: Stack, show: Show) -> None:
    """Show as which user the learner's own container runs, and how it stops."""
    show.say()
    show.say("And the image of your own Dockerfile:")
    user = stack.exec("shop", ["whoami"]).stdout.strip()
    first = "print(open('/proc/1/cmdline').read().replace(chr(0), ' '))"
    command = stack.exec("shop", ["python", "-c", first]).stdout.strip()
    began = time.monotonic()
    stack.stop("shop")
    seconds = time.monotonic() - began
    (replica,) = stack.ps()
    how = "killed" if replica.exit_code == 137 else "by itself"
    rows = table("your shop", "")
    rows.add_row("runs as", user)
    rows.add_row("process 1", f"`{command}`")
    rows.add_row("ended", f"{how}, {seconds:.1f} s after it was told to stop")
    show.table(rows)


def without_docker(folder: Path, show: Show) -> None:
    """Show a plan of the layers of the learner's Dockerfile, and say what only a build can show."""
    show.say()
    try:
        show_plan(folder, show)
    except TaskyardError as error:
        for fault in error.faults:
            show.raw(f"Dockerfile, line {fault.line}: {fault.what}\n  hint: {fault.hint}")
    if Context(folder).ignored_by(".env") is None:
        show.say("An `.env` in your folder is in the build context: `COPY . .` takes it along.")
    show.say()
    show.say(
        "Only a build with Docker shows how long a step takes and how large its layer is, whether "
        "the shop starts, as whom it runs, and how it ends."
    )


def show_plan(folder: Path, show: Show) -> None:
    """Show what BuildKit would reuse after each of three changes, and why it runs the rest."""
    commit = {"COMMIT": "1111111"}
    plans = [
        what_if(folder, ["shop.py"], first=commit),
        what_if(folder, first=commit, second={"COMMIT": "2222222"}),
        what_if(folder, ["requirements.txt"], first=commit),
    ]
    show.say("What BuildKit would reuse of your Dockerfile, instruction by instruction:")
    rows = table("instruction", "code changed", "new COMMIT", "new pin")
    for steps in zip(*plans, strict=True):
        if steps[0].makes_layer:
            rows.add_row(short(steps[0]), *(step.verdict for step in steps))
    show.say()
    show.table(rows)
    show.say()
    show.say("After one changed line of code, because:")
    for step in plans[0]:
        if step.makes_layer and step.verdict != "reused":
            show.raw(f"  line {step.line}: {step.reason}")
