"""The requirements of lab 02, in the order of its README."""

import gzip
import io
import json
import re
import secrets
import shutil
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pytest

from taskyard.deadline import until
from taskyard.errors import TaskyardError
from taskyard.kit.requirement import Unmet, require
from taskyard.kit.stack import Stack
from taskyard.topics.image_layers.builder import Build, Builder, BuildError, BuiltStep
from taskyard.topics.image_layers.reuse import CacheLostError, steps_again

BASE = "FROM python:3.13-slim\nLABEL base=python:3.13-slim\n"
PORT = 8000
ANSWER_S = 20.0
GRACE_S = 4
LARGER_MAX_MB = 30
KILLED = 137
CODE = "5901234123457"
REVISION = "org.opencontainers.image.revision"
# An installer and its subcommand, within one command of a RUN
INSTALLS = re.compile(
    r"\b(pip[\d.]*|uv|poetry|pdm|apt|apt-get)\b[^&|;]*?\b(install|sync|wheel|download|add)\b"
)
# What pip, uv, Poetry and apt print, also where a script calls them that the RUN names
INSTALLED = re.compile(
    r"^(Successfully (installed|downloaded) |Installed \d+ package|\W*Installing \S+ \(|Saved "
    r"|Setting up \S+ \()",
    re.MULTILINE,
)

PROBE = """
import json, os
found = {"installed": False, "bytes": 0}
for root, folders, files in os.walk("/"):
    if root == "/":
        folders[:] = [name for name in folders if name not in ("proc", "sys", "dev")]
    for name in files:
        found["bytes"] += os.lstat(os.path.join(root, name)).st_size
        if name == "INSTALLER" and "markupsafe" in root.lower():
            found["installed"] = True
print(json.dumps(found))
"""

PROCESSES = """
import glob, json
found = []
for path in glob.glob("/proc/[0-9]*/status"):
    lines = dict(line.split(":", 1) for line in open(path) if ":" in line)
    command = open(path.replace("status", "cmdline")).read().replace(chr(0), " ").strip()
    found.append([int(lines["Pid"]), int(lines["Uid"].split()[1]), command])
print(json.dumps(found))
"""


@dataclass
class Yard:
    """A developer's folder, and the images that are built from it when they are needed."""

    builder: Builder
    folder: Path
    secret: str

    commit: str = field(default_factory=partial(secrets.token_hex, 20))

    @cached_property
    def first(self) -> Build:
        """The image of the unchanged folder."""
        return self.build()

    def build(self, *options: str) -> Build:
        """Build the image of the folder as it is now."""
        return self.builder.build(self.folder, arguments={"COMMIT": self.commit}, options=options)

    def change_code(self) -> None:
        """Change one line of code, to a new text each time."""
        code = self.folder / "shop.py"
        new = f"Welcome ({secrets.token_hex(4)}) to"
        code.write_text(re.sub(r"Welcome (\(\w+\) )?to", new, code.read_text()))

    def change_commit(self) -> None:
        """Make another commit the current one, and change nothing else."""
        self.commit = secrets.token_hex(20)

    def probe(self, build: Build) -> dict[str, int]:
        """Return whether markupsafe is installed, and the size of all files, in bytes."""
        options = ("--user=0", "--entrypoint=python", "--network=none")
        return dict(json.loads(self.builder.output(build.image, "-c", PROBE, options=options)))

    @cached_property
    def container(self) -> str:
        return self.builder.start(self.first.image, f"--publish=127.0.0.1::{PORT}")

    def ask(self, path: str) -> Any:
        """Ask the shop as soon as it listens; if it never does, quote the end of its log."""
        failed: list[Exception] = []

        def answer() -> list[Any]:
            try:
                address = self.builder.run("port", self.container, f"{PORT}/tcp").split()[0]
                with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as said:
                    return [json.loads(said.read())]
            except (OSError, ValueError, TaskyardError) as error:
                failed.append(error)
                if (state := self.inspect("{{.State.Status}}")) == "exited":
                    raise self.silent(state, error) from None
                return []

        def missed() -> Unmet:
            return self.silent(self.inspect("{{.State.Status}}"), failed[-1])

        return until(answer, "an answer of the shop", ANSWER_S, missed=missed)[0]

    def silent(self, state: str, error: Exception) -> Unmet:
        lines = self.builder.logs(self.container).splitlines()
        last = next((line for line in reversed(lines) if line.strip()), str(error))
        look_at = "Dockerfile, CMD"
        if "Permission denied" in last or "PermissionError" in last:
            look_at = "Dockerfile: whose are the files, and may USER read them?"
        elif "No module named" in last:
            look_at = "Dockerfile and .dockerignore: what is copied over what was installed?"
        return Unmet(
            did="started a container of the image and asked the shop for a label",
            saw=f"no answer, the container is {state}; its log ends with: {last}",
            expected="a label",
            look_at=look_at,
        )

    def inspect(self, template: str) -> str:
        return self.builder.run("inspect", f"--format={template}", self.container).strip()

    def processes(self) -> list[tuple[int, int, str]]:
        """Return the number, the user and the command of each process in the container."""
        said = self.builder.run("exec", "--user=0", self.container, "python", "-c", PROCESSES)
        return [tuple(one) for one in json.loads(said) if PROCESSES[:20] not in one[2]]


@pytest.fixture(scope="module")
def yard(folder: Path) -> Iterator[Yard]:
    """The learner's files, with the `.env` and the `.venv` of a developer's folder."""
    secret = f"not-a-secret-{secrets.token_hex(8)}"
    # This stack is never started. Its supervisor removes the folder and the images in any case
    with closing(Stack(folder, "docker", label="check-image-layers")) as stack:
        own = stack.state / "shop"
        shutil.copytree(folder, own)
        own.chmod(0o755)
        (own / ".env").write_text(f"PAYMENT_KEY={secret}\n")
        (own / ".venv" / "bin").mkdir(parents=True)
        # It leads nowhere in a container, as the link of a real `.venv` does
        (own / ".venv" / "bin" / "python").symlink_to("/opt/elsewhere/bin/python3")
        yield Yard(Builder(stack.name), own, secret)


def test_it_builds_and_answers(yard: Yard) -> None:
    """The image builds from a developer's folder, and its shop answers."""
    try:
        assert yard.first
    except BuildError as error:
        missing = "not found" in error.said
        raise Unmet(
            did="built the image from your files, an `.env` and a `.venv`",
            saw=error.said,
            expected="an image",
            look_at=".dockerignore: does it leave out what the Dockerfile copies?"
            if missing
            else "Dockerfile: the step that BuildKit names",
        ) from None
    seen = yard.ask("/labels/590123412345")
    require(
        CODE in str(seen),
        did="asked the shop for the label of 590123412345",
        saw=seen,
        expected=f"a label with {CODE}",
        look_at="Dockerfile: what does the image start?",
    )


def installing(build: Build) -> Sequence[BuiltStep]:
    """Return the steps, of any stage, that installed something again."""
    ran = [step for step in build.ran if step.text.startswith("RUN ")]
    return [step for step in ran if INSTALLS.search(step.text) or INSTALLED.search(step.said)]


def require_reuse(
    yard: Yard, change: Callable[[], None], did: str, expected: str, look_at: str
) -> None:
    """Change something, build again, and require that no step installs again."""
    yard.build()
    change()
    if not installing(yard.build()):
        return
    # The engine's cache may hold several results of one step, from other builds, or have lost some.
    # The name of an extra host, which no file contains, keeps the results of each RUN apart from
    # those of other builds.
    own = f"--add-host=check-{secrets.token_hex(8)}.invalid:127.0.0.1"
    try:
        again = steps_again(partial(yard.build, own), change, installing)
    except CacheLostError as error:
        (fault,) = error.faults
        raise Unmet(
            did=f"{did}, and built unchanged files for comparison",
            saw=f"{fault.what}; this says nothing about your Dockerfile",
            expected="what did not change comes from the cache",
            look_at=fault.hint,
        ) from None
    named = ", ".join(f"`{step.text[:60]}` ({step.seconds:.1f} s)" for step in again)
    saw = f"these steps ran, and installed again: {named}"
    require(not again, did=did, saw=saw, expected=expected, look_at=look_at)


def test_code_change(yard: Yard) -> None:
    """A changed line of code installs nothing again."""
    require(
        yard.probe(yard.first)["installed"],
        did="looked for markupsafe in the image",
        saw="it is not installed",
        expected="what requirements.txt lists",
        look_at="Dockerfile: the step that installs",
    )
    require_reuse(
        yard,
        yard.change_code,
        did="changed one line of shop.py and built again",
        expected="the installed requirements come from the cache",
        look_at="Dockerfile: what is copied above the step that installs?",
    )


def test_commit(yard: Yard) -> None:
    """A new commit installs nothing again, and the image tells which it is."""
    did = "built again with another COMMIT, and nothing else"
    require_reuse(
        yard,
        yard.change_commit,
        did=did,
        expected="a new label, and every layer from the cache",
        look_at="Dockerfile: which RUN stands below ARG COMMIT, or below an ENV with its value?",
    )
    for _ in range(2):
        said = yard.builder.label(yard.build().image, REVISION)
        require(
            said == yard.commit,
            did=did,
            saw=f"the label {REVISION} is `{said}`",
            expected=f"`{yard.commit}`",
            look_at="Dockerfile: LABEL, and the stage in which ARG COMMIT stands",
        )
        yard.change_commit()


def test_size(yard: Yard) -> None:
    """The image is at most 30 MB larger than its base, python:3.13-slim."""
    base_only = yard.folder.parent / "base"
    base_only.mkdir()
    (base_only / "Dockerfile").write_text(BASE)
    base = sum(yard.builder.layers(yard.builder.build(base_only).image))
    layers = sum(yard.builder.layers(yard.first.image))
    larger, hidden = (layers - base) / 1e6, (layers - yard.probe(yard.first)["bytes"]) / 1e6
    saw = f"{larger:.0f} MB more than the base"
    look_at = "Dockerfile: what of it does the shop need when it runs?"
    if hidden > LARGER_MAX_MB:
        saw += f"; {hidden:.0f} MB of it no container can see: they were removed too late"
        look_at = "Dockerfile: a layer that removes files makes no layer below it smaller"
    require(
        larger <= LARGER_MAX_MB,
        did="added up the layers of the image, and those of its base",
        saw=saw,
        expected=f"at most {LARGER_MAX_MB} MB",
        look_at=look_at,
    )


def test_user(yard: Yard) -> None:
    """The shop does not run as root."""
    root = [command for _, user, command in yard.processes() if user == 0]
    require(
        not root,
        did="looked which user each process of the container belongs to",
        saw=f"root: {', '.join(f'`{command}`' for command in root)}",
        expected="another user",
        look_at="Dockerfile: USER",
    )


def test_stop(yard: Yard) -> None:
    """The shop ends by itself when it is told to stop."""
    (first,) = (command for number, _, command in yard.processes() if number == 1)
    began = time.monotonic()
    yard.builder.run("stop", f"--time={GRACE_S}", yard.container)
    seconds = time.monotonic() - began
    code = int(yard.inspect("{{.State.ExitCode}}"))
    require(
        code != KILLED,
        did=f"stopped the container, with {GRACE_S} s to end",
        saw=f"it ignored SIGTERM and was killed after {seconds:.0f} s; its process 1 is `{first}`",
        expected="shop.py gets SIGTERM, says that it is closed, and ends",
        look_at="Dockerfile, CMD: who is process 1, and who is its child?",
    )


def test_secret(yard: Yard) -> None:
    """No layer holds the .env of the folder it was built in."""
    archive = yard.folder.parent / "image.tar"
    yard.builder.run("save", f"--output={archive}", yard.first.image)
    found = sorted(holders(archive, yard.secret.encode()))
    require(
        not found,
        did="searched each layer of the image for what the `.env` of the folder says",
        saw=f"it is in `{', '.join(found)}`: who gets the image reads it, "
        + ("also where a later layer removes the file" if is_gone(yard) else "as does the shop"),
        expected="nothing of it in any layer",
        look_at=".dockerignore: what does COPY . . take?",
    )


def is_gone(yard: Yard) -> bool:
    """Tell whether a container sees no `.env`, although a layer holds one."""
    options = ("--user=0", "--entrypoint=sh", "--network=none")
    script = "find / -xdev -name .env | grep -c . || true"
    return yard.builder.output(yard.first.image, "-c", script, options=options).strip() == "0"


def holders(archive: Path, secret: bytes) -> Iterator[str]:
    """Yield the files that contain a secret, of all layers of a saved image."""
    with tarfile.open(archive) as image:
        for member in image:
            if not member.isfile():
                continue
            content = image.extractfile(member).read()
            if content[:2] == b"\x1f\x8b":
                content = gzip.decompress(content)
            if secret not in content:
                continue
            try:
                with tarfile.open(fileobj=io.BytesIO(content)) as layer:
                    for one in layer:
                        if one.isfile() and secret in layer.extractfile(one).read():
                            yield one.name
            except tarfile.ReadError:
                yield "the image's configuration"
