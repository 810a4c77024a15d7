"""The commands for cards: build, lint, lock, watch."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from taskyard.cards import release, rules
from taskyard.cards.finding import Finding, FindingsError
from taskyard.cards.grammar import read
from taskyard.cards.lock import Change, Lock
from taskyard.cards.proof import Proofs, kind_of
from taskyard.cards.release import Part
from taskyard.course import Course
from taskyard.errors import TaskyardError
from taskyard.files import ROOT

LOCK = ROOT / "cards" / "cards.lock.json"
DIST = ROOT / "dist"
CACHE = ROOT / ".cache" / "cards"

FILES = click.argument("files", nargs=-1, type=click.Path(path_type=Path))
OUT = click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the package here."
)


@click.group()
def cards() -> None:
    """Turn card files into Anki decks."""


@cards.command()
@FILES
@OUT
def build(files: tuple[Path, ...], out: Path | None) -> None:
    """
    Build the decks of the course, or one deck of FILES.

    With FILES, an earlier package in the same place tells when each note last changed, so build a
    deck where you built it before.
    """
    _build(files, out)


@cards.command()
@FILES
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def lint(files: tuple[Path, ...], as_json: bool) -> None:
    """List everything that is wrong with FILES, or with the cards of the course."""
    findings = _findings(files)
    counts = Counter(finding.level for finding in findings)
    if as_json:
        rows = [vars(finding) | {"path": str(finding.path)} for finding in findings]
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        for finding in findings:
            click.echo(finding)
        said = [(counts[level], level) for level in ("error", "warning", "notice")]
        click.echo(", ".join(f"{count} {name}{'s' * (count != 1)}" for count, name in said))
    raise SystemExit(1 if counts["error"] else 0)


@cards.command()
def lock() -> None:
    """Record in the lock which notes have changed, for the next release."""
    course, old = Course.discover(), Lock.read(LOCK)
    parts = release.parts_of_course(course, old, CACHE)
    new = release.locked(parts, old, int(time.time()))
    if new == old:
        click.echo(f"{_name(LOCK)} is up to date")
        return
    new.write(LOCK)
    click.echo(f"{_name(LOCK)}: {_said(release.change(parts, old))}")


@cards.command()
@FILES
@OUT
def watch(files: tuple[Path, ...], out: Path | None) -> None:
    """Check and build again whenever a file is saved; end with Ctrl-C."""
    from watchfiles import watch as changes

    def is_source(_change: object, path: str) -> bool:
        return Path(path).suffix in (".md", ".svg", ".png")  # a deck that is built is not

    folders = {path.parent for path in files} or {ROOT / "cards"}
    # The first round comes after the watch has begun, so that no save is missed between the two
    rounds = changes(*folders, watch_filter=is_source, rust_timeout=300, yield_on_timeout=True)
    for number, changed in enumerate(rounds):
        if number and not changed:
            continue
        try:
            for finding in _findings(files):
                click.echo(finding)
            _build(files, out)
        except TaskyardError as error:
            click.echo(str(error))
        click.echo("waiting for a change; Ctrl-C ends\n")


def _findings(files: Sequence[Path]) -> list[Finding]:
    """Return all findings about some files; those of the course must keep its own rules as well."""
    course = Course.discover()
    chapters = {chapter.cards: chapter for chapter in course.chapters if chapter.cards}
    _exist(files)
    wanted = {path.resolve() for path in files} or set(chapters)
    inside = {path: read(path) for path in chapters}  # all of them, because cards are compared
    outside = {path: read(path) for path in sorted(wanted - set(chapters))}
    findings = rules.examine([*inside.values()], True) + rules.examine([*outside.values()], False)
    proofs = Proofs(course)
    for path, file in (inside | outside).items():
        findings += file.findings
        if path in inside:
            findings += proofs.examine(chapters[path], file)
    findings = [finding for finding in findings if finding.path in wanted]
    return sorted(findings, key=lambda one: (one.path, one.line, one.column))


def _build(files: Sequence[Path], out: Path | None) -> None:
    if not files:
        if out:
            raise click.UsageError("the course's decks go to dist/: name FILES, or leave out -o")
        return _build_course()
    if not out:
        raise click.UsageError("say where the deck goes: -o deck.apkg")
    files = list(dict.fromkeys(files))
    _exist(files)
    old = Lock.read(LOCK).with_notes_of(Lock.of_package(out))
    parts = release.parts_of_files(files, old, CACHE)
    faults = list(release.incompatible(parts, old))
    if faults:
        raise TaskyardError.of(faults)
    new = old
    for part in parts:
        # The file's time instead of the clock's, so that one file makes one package on any day
        new = new.renewed(part.all, min(int(part.deck.path.stat().st_mtime), int(time.time())))
    release.build(parts, out, new)
    _notices(parts)
    for fault in release.gone(parts, old):
        click.echo(f"note: {fault.what}; {fault.hint}")
    click.echo(f"{out}: {_said(release.change(parts, old))}")
    click.echo("import it in Anki with File > Import…")
    return None


def _build_course() -> None:
    course, old = Course.discover(), Lock.read(LOCK)
    parts = release.parts_of_course(course, old, CACHE)
    new = release.locked(parts, old, int(time.time()))
    release.build(parts, DIST / "taskyard.apkg", new)
    for part in parts:
        release.build([part], DIST / f"{part.deck.path.stem}.apkg", new)
    _notices(parts)
    click.echo(f"{_name(DIST)}/taskyard.apkg: {_said(release.change(parts, old))}")
    for part in parts:
        click.echo(f"{_name(DIST)}/{part.deck.path.stem}.apkg: {len(part.entries)} notes")
    proofs = Counter(kind_of(note.proof) for part in parts for note in part.deck.notes)
    click.echo("proofs: " + ", ".join(f"{count} × {name}" for name, count in proofs.items()))
    if new != old:
        click.echo(f"{_name(LOCK)} is behind: make cards-lock, before these decks are given away")
    click.echo(
        "import one in Anki with File > Import…, and leave the choices there as they are: "
        "your intervals stay, and so does what you wrote into cards that did not change"
    )


def _notices(parts: Iterable[Part]) -> None:
    for part in parts:
        for finding in part.deck.findings:
            click.echo(finding)


def _exist(files: Iterable[Path]) -> None:
    missing = [
        Finding("no-file", "error", "there is no such file", path, 1, 1, "mend its name")
        for path in files
        if not path.is_file()
    ]
    if missing:
        raise FindingsError(missing)


def _said(change: Change) -> str:
    counts = {name: len(ids) for name, ids in vars(change).items()}
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
