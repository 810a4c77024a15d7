"""The requirements of lab 02, in the order of its README."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from taskyard.deadline import until
from taskyard.kit.contract import load
from taskyard.kit.requirement import Unmet, require
from taskyard.kit.stack import Stack
from taskyard.topics.image_layers.builder import Builder, BuildError

EDIT = ("Dockerfile", ".dockerignore")

LAB = Path(__file__).parent
yards = load(LAB / "yard.py")
leak = load(LAB / "leak.py")
reuse = load(LAB / "reuse.py")
talk = load(LAB / "talk.py")

BASE = "FROM python:3.13-slim\nLABEL base=python:3.13-slim\n"
GRACE_S = 5.0
LARGER_MAX_MB = 30
REVISION = "org.opencontainers.image.revision"
KILLS = ("SIGKILL", "KILL", "9")
CMD = "Dockerfile, CMD: "


@pytest.fixture(scope="module")
def yard(folder: Path) -> Iterator[Any]:
    """The learner's files, with the `.env` and the `.venv` of a developer's folder."""
    # This stack is never started. Its supervisor removes the folder and the images in any case
    with closing(Stack(folder, "docker", label="check-image-layers")) as stack:
        made = yards.Yard(Builder(stack.name), stack.state / "shop")
        made.furnish(folder)
        yield made


def test_it_builds_and_answers(yard: Any) -> None:
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
    talk.require_label(yard, "started a container of the image", yard.shop, yard.shop.ask)


def test_code_change(yard: Any) -> None:
    """A changed line of shop.py installs nothing again, one of ean.c no requirement."""
    reuse.require_reuse(
        yard,
        yard.change_code,
        did="changed one line of shop.py and built again",
        expected="the installed requirements come from the cache",
        look_at="Dockerfile: what is copied above the step that installs?",
    )
    reuse.require_reuse(
        yard,
        yard.change_library,
        did="changed one line of ean.c and built again",
        expected="the installed requirements come from the cache",
        look_at="Dockerfile: is ean.c copied above the step that installs the requirements?",
        wanted=reuse.installing_requirements,
    )
    did = "started the new image without a network"
    shop = yard.start(yard.build(), "--network=none")
    seen = talk.answer(yard, did, shop, shop.ask_inside, "/")
    require(
        yard.greeting in str(seen),
        did=f"changed a line of shop.py, {did} and asked for the greeting",
        saw=f"the greeting of an earlier shop.py: {seen}",
        expected=yard.greeting,
        look_at="Dockerfile: which shop.py gets into the image, and from where?",
    )
    talk.require_label(yard, f"changed a line of ean.c, {did}", shop, shop.ask_inside)


def test_commit(yard: Any) -> None:
    """A new commit installs nothing again, and the image tells which it is."""
    did = "built again with another COMMIT, and nothing else"
    reuse.require_reuse(
        yard,
        yard.change_commit,
        did=did,
        expected="a new label, and every layer from the cache",
        look_at="Dockerfile: which RUN stands below ARG COMMIT, or below an ENV with its value?",
    )
    for _ in range(2):
        image = yard.build().image
        said = yard.builder.label(image, REVISION)
        look_at = "Dockerfile: LABEL, and the stage in which ARG COMMIT stands"
        set_to = yard.builder.run("image", "inspect", "--format={{json .Config.Env}}", image)
        if "$" in said:
            look_at = "Dockerfile, LABEL: in which quotes is a variable replaced?"
        elif said and f"={said}" in set_to:
            look_at = "Dockerfile: an ENV has the name of the ARG, and which of the two counts?"
        elif not said:
            look_at = "Dockerfile: the name of the LABEL, and which FROM and ARG stand above it"
        require(
            said == yard.commit,
            did=did,
            saw=f"the label {REVISION} is `{said}`",
            expected=f"`{yard.commit}`",
            look_at=look_at,
        )
        yard.change_commit()


def test_size(yard: Any) -> None:
    """The image is at most 30 MB larger than its base, python:3.13-slim."""
    base_only = yard.folder.parent / "base"
    base_only.mkdir()
    (base_only / "Dockerfile").write_text(BASE)
    plain = yard.builder.build(base_only)
    layers = sum(yard.builder.layers(yard.first.image))
    larger = (layers - sum(yard.builder.layers(plain.image))) / 1e6
    saw, look_at = f"{larger:.0f} MB more than the base", ""
    if larger > LARGER_MAX_MB:
        files, base = yard.files(yard.first), yard.files(plain)
        hidden = (layers - files["bytes"]) / 1e6
        most = (Counter(files["folders"]) - Counter(base["folders"])).most_common(2)
        named = ", ".join(f"{size / 1e6:.0f} MB in `{name}`" for name, size in most)
        saw += f", such as {named}"
        look_at = "Dockerfile: what of it does the shop need when it runs?"
        if hidden > LARGER_MAX_MB:
            saw += f"; {hidden:.0f} MB of it no container can see: they were removed too late"
            look_at = "Dockerfile: a layer that removes files makes no layer below it smaller"
        elif files["developer"]:
            saw += "; the developer's own .venv is in it"
            look_at = ".dockerignore: what does COPY . . take?"
    require(
        larger <= LARGER_MAX_MB,
        did="added up the layers of the image, and those of its base",
        saw=saw,
        expected=f"at most {LARGER_MAX_MB} MB",
        look_at=look_at,
    )


def test_user(yard: Any) -> None:
    """No process in the container runs as root, or can become root again."""
    roots = [one for one in yard.shop.processes() if 0 in one.users]
    back = all(one.users[1] for one in roots)
    named = ", ".join(f"`{one.command}`" for one in roots)
    require(
        not roots,
        did="looked which user each process of the container belongs to",
        saw=f"root in effect no more, but real or saved, so it may go back: {named}"
        if back
        else f"root: {named}",
        expected="another user, real, effective and saved",
        look_at=CMD + "what starts it as root?" if back else "Dockerfile: USER",
    )


def test_stop(yard: Any) -> None:
    """Told to stop, the shop says that it is closed, and ends by itself."""
    shop = yard.shop
    first, *others = (one.command for one in shop.processes())
    rest = f", and beside it `{others[-1]}`" if others else ", and there is no other"
    signal = shop.inspect("{{.Config.StopSignal}}") or "SIGTERM"
    did = f"told the container to stop, with {signal}"
    expected = f"shop.py gets SIGTERM, takes {yards.CLOSES_S} s to close, says so, and ends"
    shop.builder.run("kill", f"--signal={signal}", shop.container)
    who = "who is process 1, and who is its child?" if others else "what in it handles SIGTERM?"

    def ignored() -> Unmet:
        saw = f"it ignored {signal} for {GRACE_S:.0f} s; its process 1 is `{first}`{rest}"
        return Unmet(did, saw, expected, CMD + who)

    until(lambda: not shop.is_running(), "the container to end", GRACE_S, missed=ignored)
    log = shop.log()
    saw = f"process 1, `{first}`, ended before the shop was closed: `close` was not waited for"
    look_at = CMD + who
    if signal in KILLS:
        saw, look_at = (
            f"the image asks for {signal}, which nothing survives",
            "Dockerfile: STOPSIGNAL",
        )
    elif yards.CLOSED in log:
        saw = f"something else wrote `{yards.CLOSED}`, and shop.py's own `close` did not end"
        look_at = CMD + "what does its script do with SIGTERM?"
    elif not others:
        saw = f"`{first}` ended, and shop.py's `close` was not called"
        look_at = CMD + "which program handles SIGTERM instead of shop.py?"
    require(yard.closed in log, did=did, saw=saw, expected=expected, look_at=look_at)


def test_secret(yard: Any) -> None:
    """No layer holds the .env of the folder it was built in."""
    archive = yard.folder.parent / "image.tar"
    yard.builder.run("save", f"--output={archive}", yard.first.image)
    found = leak.leaks(archive, yard.secret)
    if not found:
        return
    named = ", ".join(f"`{name}` {form}".strip() for name, form in sorted(found.items()))
    seen = leak.CONFIGURATION in found or is_seen(yard, list(found))
    raise Unmet(
        did="searched each layer of the image for what the `.env` of the folder says",
        saw=f"it is in {named}: who gets the image reads it, "
        + ("as does the shop" if seen else "also where a later layer removes it"),
        expected="nothing of it in any layer, in no spelling and no archive",
        look_at=".dockerignore: what does COPY . . take, or another step that sees the folder?",
    )


def is_seen(yard: Any, names: Sequence[str]) -> bool:
    """Tell whether a container still has one of the files that a layer holds."""
    options = ("--user=0", "--entrypoint=sh", "--network=none")
    script = 'for name; do test -e "/$name" && echo "$name"; done; true'
    image = yard.first.image
    return bool(yard.builder.output(image, "-c", script, "sh", *names, options=options).strip())
