"""Require that a change installs nothing again."""

import re
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from taskyard.kit.contract import load
from taskyard.kit.requirement import Unmet, require
from taskyard.topics.image_layers.builder import Build, BuiltStep
from taskyard.topics.image_layers.reuse import CacheLostError, steps_again

NO_NETWORK = load(Path(__file__).parent / "yard.py").NO_NETWORK
# An installer and its subcommand, within one command of a RUN
INSTALLS = re.compile(
    r"\b(pip[\d.]*|uv|poetry|pdm|apt|apt-get)\b[^&|;]*?\b(install|sync|wheel|download|add)\b"
)
# What pip, uv, Poetry and apt print, also where a script calls them that the RUN names
INSTALLED = re.compile(
    r"^(Successfully (installed|downloaded) |Installed \d+ package|\W*Installing \S+ \(|Saved "
    r"|Setting up \S+ \(|" + NO_NETWORK + ")",
    re.MULTILINE,
)


def installing(yard: Any, build: Build) -> Sequence[BuiltStep]:
    """Return the steps, of any stage, that installed something again."""
    ran = [step for step in build.ran if step.text.startswith("RUN ")]
    told = [step for step in ran if INSTALLS.search(step.text) or INSTALLED.search(step.said)]
    return told or yard.installed_again(build)


def installing_requirements(yard: Any, build: Build) -> Sequence[BuiltStep]:
    """Return the steps that installed again what requirements.txt lists."""
    told = [step for step in build.ran if INSTALLED.search(step.said)]
    return [step for step in told if "markupsafe" in step.said] or yard.installed_again(build)


def require_reuse(
    yard: Any,
    change: Callable[[], None],
    did: str,
    expected: str,
    look_at: str,
    wanted: Callable[[Any, Build], Sequence[BuiltStep]] = installing,
) -> None:
    """Change something, build again, and require that no step installs again."""
    # The compiler of a changed library may need a network
    build, wanted = partial(yard.build, offline=wanted is installing), partial(wanted, yard)
    yard.build()
    change()
    if not wanted(build()):
        return
    # The engine's cache may hold several results of one step, from other builds, or have lost some.
    # The name of an extra host, which no file contains, keeps the results of each RUN apart from
    # those of other builds.
    own = f"--add-host=check-{secrets.token_hex(8)}.invalid:127.0.0.1"
    try:
        again = steps_again(partial(build, own), change, wanted)
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
