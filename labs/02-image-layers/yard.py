"""A developer's folder, the images that are built from it, and the containers that run them."""

import json
import re
import secrets
import shutil
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from taskyard.errors import TaskyardError
from taskyard.topics.image_layers.builder import Build, Builder, BuildError, BuiltStep, read_log

STARTER = Path(__file__).parent / "starter"
PORT = 8000
PYTHON = "/usr/local/bin/python"
"""That of the base: a link that a `.venv` brings along may lead nowhere."""
VENV_MB = 40
CLOSED = "the shop is closed"
CLOSES_S = 1
"""How long the shop takes to close, so that a program that does not wait for it is seen."""

# Proxies are no part of a step's key: with one that is not there, what has to run finds no network
PROXIES = [name + "_proxy" for name in ("http", "https", "ftp", "all")]
OFFLINE = tuple(
    f"--build-arg={name}={value}"
    for names, value in ((PROXIES, "http://127.0.0.1:9"), (["no_proxy"], ""))
    for small in names
    for name in (small, small.upper())
)
NO_NETWORK = "this step failed without a network"

FILES = """
import glob, hashlib, json, os, sys
found = {"bytes": 0, "packages": [], "compiled": [], "developer": [], "folders": {}}
for root, folders, files in os.walk("/"):
    if root == "/":
        folders[:] = [name for name in folders if name not in ("proc", "sys", "dev")]
    for name in files:
        path = os.path.join(root, name)
        size = os.lstat(path).st_size
        found["bytes"] += size
        branch = "/".join(root.split("/")[:4])
        found["folders"][branch] = found["folders"].get(branch, 0) + size
        if name == "developer.bin":
            found["developer"].append(path)
        if os.path.basename(root) == "__pycache__" and "markupsafe" in root:
            found["compiled"].append(hashlib.sha256(open(path, "rb").read()).hexdigest())
    found["packages"] += [os.path.join(root, name) for name in folders if name == "markupsafe"]
found["compiled"].sort()
print(json.dumps(found))
"""
"""What root sees of an image. A compiled module says when its source was written: a copy keeps it,
and an installer makes another."""

READS = """
import os, sys
print(all(os.access(path, os.R_OK | os.X_OK) for path in sys.argv[1:]))
"""

PROCESSES = """
import glob, json
found = []
for path in glob.glob("/proc/[0-9]*/status"):
    try:
        lines = dict(line.split(":", 1) for line in open(path) if ":" in line)
        command = open(path.replace("status", "cmdline")).read().replace(chr(0), " ").strip()
    except (FileNotFoundError, ProcessLookupError):
        continue
    users = [int(user) for user in lines["Uid"].split()[:3]]
    found.append([int(lines["Pid"]), users, command])
print(json.dumps(sorted(found)))
"""

ASK = """
import sys, urllib.request as request
direct = request.build_opener(request.ProxyHandler({}))
print(direct.open(sys.argv[1], timeout=5).read().decode())
"""


@dataclass(frozen=True)
class Process:
    """A process in a container; `users` are its real, effective and saved user."""

    number: int
    users: list[int]
    command: str


@dataclass(frozen=True)
class Shop:
    """A container of one of the images."""

    builder: Builder
    container: str

    def ask(self, path: str) -> Any:
        """Ask the shop from outside the container."""
        address = self.builder.run("port", self.container, f"{PORT}/tcp").split()[0]
        with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as said:
            return json.loads(said.read())

    def ask_inside(self, path: str) -> Any:
        """Ask the shop from within its container, which may have no network."""
        return json.loads(self.python(ASK, f"http://127.0.0.1:{PORT}{path}"))

    def python(self, script: str, *arguments: str) -> str:
        """Return what a script prints that root runs in the container."""
        user = ("exec", "--user=0", self.container)
        return self.builder.run(*user, PYTHON, "-I", "-c", script, *arguments)

    def inspect(self, template: str) -> str:
        return self.builder.run("inspect", f"--format={template}", self.container).strip()

    def is_running(self) -> bool:
        return self.inspect("{{.State.Status}}") == "running"

    def log(self) -> str:
        return self.builder.logs(self.container)

    def last_line(self) -> str:
        """Return the last line of the log; empty if there is none."""
        lines = (line.strip() for line in reversed(self.log().splitlines()))
        return next(filter(None, lines), "")

    def processes(self) -> list[Process]:
        """Return the processes in the container, process 1 first."""
        found = (Process(*one) for one in json.loads(self.python(PROCESSES)))
        return [one for one in found if PROCESSES[:20] not in one.command]


@dataclass
class Yard:
    """A developer's folder, and the images that are built from it when they are needed."""

    builder: Builder
    folder: Path
    secret: str = field(default_factory=lambda: f"not-a-secret-{secrets.token_hex(8)}")
    commit: str = field(default_factory=lambda: secrets.token_hex(20))
    closed: str = field(default_factory=lambda: f"{CLOSED} ({secrets.token_hex(4)})")
    greeting: str = ""
    digit: int = 0
    _builds: list[Build] = field(default_factory=list)

    def furnish(self, files: Path) -> None:
        """Copy the learner's files, and add what only a developer's folder holds."""
        shutil.copytree(files, self.folder)
        self.folder.chmod(0o755)
        for name in ("shop.py", "ean.c"):
            shutil.copyfile(STARTER / name, self.folder / name)
        said = f'print("{CLOSED}", flush=True)'
        slow = f'import time; time.sleep({CLOSES_S}); print("{self.closed}", flush=True)'
        self._rewrite("shop.py", re.escape(said), slow)
        (self.folder / ".env").write_text(f"PAYMENT_KEY={self.secret}\n")
        (self.folder / ".venv" / "bin").mkdir(parents=True)
        # It leads nowhere in a container, as the link of a real `.venv` does
        (self.folder / ".venv" / "bin" / "python").symlink_to("/opt/elsewhere/bin/python3")
        (self.folder / ".venv" / "developer.bin").write_bytes(bytes(range(250)) * 4000 * VENV_MB)

    @cached_property
    def first(self) -> Build:
        """The image of the unchanged folder."""
        return self.build()

    def build(self, *options: str, offline: bool = False) -> Build:
        """
        Build the image of the folder as it is now.

        Args:
            offline: Build without a network first. The step that fails then, and not with one, says
                so in what it said.
        """
        try:
            build = self._build(*options, *OFFLINE if offline else ())
        except BuildError as error:
            if not offline:
                raise
            failed = [step.text for step in read_log(error.log) if not step.is_cached]
            build = self._build(*options)
            steps = (
                replace(step, is_cached=False, said=f"{step.said}\n{NO_NETWORK}")
                if step.text in failed[-1:]
                else step
                for step in build.steps
            )
            build = replace(build, steps=tuple(steps))
        self._builds.append(build)
        return build

    def _build(self, *options: str) -> Build:
        return self.builder.build(self.folder, arguments={"COMMIT": self.commit}, options=options)

    def installed_again(self, build: Build) -> Sequence[BuiltStep]:
        """Return the steps of the last build of which one installed the requirements again."""
        ran = [step for step in build.ran if step.text.startswith("RUN ")]
        if not ran or len(self._builds) < 2:
            return []
        before, now = (self.files(one)["compiled"] for one in self._builds[-2:])
        return ran if before != now else []

    def change_code(self) -> None:
        """Change one line of code, to a new text each time."""
        self.greeting = f"Welcome ({secrets.token_hex(4)}) to"
        self._rewrite("shop.py", r"Welcome (\(\w+\) )?to", self.greeting)

    def change_library(self) -> None:
        """Change one line of the library, which then reckons another check digit each time."""
        self.digit = self.digit % 9 + 1
        # The engine may remember a build of this digit, but none of this comment
        line = f"return ({10 + self.digit} - sum % 10) % 10; /* {secrets.token_hex(4)} */"
        self._rewrite("ean.c", r"return .*", line)

    def change_commit(self) -> None:
        """Make another commit the current one, and change nothing else."""
        self.commit = secrets.token_hex(20)

    def _rewrite(self, name: str, old: str, new: str) -> None:
        file = self.folder / name
        text, count = re.subn(old, lambda _: new, file.read_text(encoding="utf-8"), count=1)
        assert count, f"{name} has no {old}"
        file.write_text(text, encoding="utf-8")

    def code(self, digits: str) -> str:
        """Return the barcode of twelve digits, as the library reckons it now."""
        total = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits))
        return f"{digits}{(self.digit - total) % 10}"

    def files(self, build: Build) -> dict[str, Any]:
        """Return what root sees of an image's files; see FILES."""
        options = ("--user=0", f"--entrypoint={PYTHON}", "--network=none")
        said = self.builder.output(build.image, "-I", "-c", FILES, options=options)
        return dict(json.loads(said))

    def may_read(self, build: Build, paths: Sequence[str]) -> bool:
        """Tell whether the image's own user may read these."""
        options = (f"--entrypoint={PYTHON}", "--network=none")
        try:
            said = self.builder.output(build.image, "-I", "-c", READS, *paths, options=options)
        except TaskyardError:
            return False
        return said.strip() == "True"

    def start(self, build: Build, option: str) -> Shop:
        return Shop(self.builder, self.builder.start(build.image, option))

    @cached_property
    def shop(self) -> Shop:
        """A container of the first image, which this machine can ask."""
        return self.start(self.first, f"--publish=127.0.0.1::{PORT}")
