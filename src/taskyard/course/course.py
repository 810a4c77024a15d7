"""The course: chapters, labs and cards, found by their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from shutil import copyfile

from taskyard.course import expectation as expect
from taskyard.course import names
from taskyard.errors import Fault, TaskyardError
from taskyard.files import ROOT
from taskyard.pages import links
from taskyard.pages.page import Page

_PARTS = ("README.md", "demo.py", "check.py", "expect.toml", "starter", "solution")


@dataclass(frozen=True)
class Lab:
    """One lab; `slug` is the folder's name without the number."""

    number: int
    slug: str
    folder: Path

    @property
    def readme(self) -> Path:
        return self.folder / "README.md"

    @property
    def demo(self) -> Path:
        return self.folder / "demo.py"

    @property
    def check(self) -> Path:
        return self.folder / "check.py"

    @property
    def starter(self) -> Path:
        return self.folder / "starter"

    @property
    def solution(self) -> Path:
        return self.folder / "solution"

    @property
    def right(self) -> tuple[str, ...]:
        """The names of the other right answers, sorted."""
        return self._answers("right")

    @property
    def wrong(self) -> tuple[str, ...]:
        """The names of the wrong answers, sorted."""
        return self._answers("wrong")

    def _answers(self, kind: str) -> tuple[str, ...]:
        return tuple(path.name for path in names.entries(self.folder / kind) if path.is_dir())

    @property
    def variants(self) -> tuple[str, ...]:
        """Every state of the exercise: the starter, the solution, the right and wrong answers."""
        return ("starter", "solution", *self.right, *self.wrong)

    def files(self, variant: str) -> dict[Path, Path]:
        """
        Return the files of a variant: relative path to the path of the file that holds the content.

        The solution is the starter overlaid with `solution/`; another right answer is the solution
        overlaid with `right/NAME/`, and a wrong one with `wrong/NAME/`. An `.env.example` also
        serves as the `.env`, unless there is one.

        Raises:
            TaskyardError: The lab has no such variant.
        """
        if variant not in self.variants:
            close = get_close_matches(variant, self.variants, n=1)
            hint = f"did you mean `{close[0]}`?" if close else "there are " + _list(self.variants)
            raise TaskyardError(
                f"lab `{self.slug}` has no variant `{variant}`", path=self.folder, hint=hint
            )
        layers = [self.starter]
        if variant != "starter":
            layers.append(self.solution)
        for kind, answers in (("right", self.right), ("wrong", self.wrong)):
            if variant in answers:
                layers.append(self.folder / kind / variant)
        found: dict[Path, Path] = {}
        for layer in layers:
            for path in sorted(layer.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    found[path.relative_to(layer)] = path
        if Path(".env.example") in found:
            found.setdefault(Path(".env"), found[Path(".env.example")])
        return found

    def assemble(self, variant: str, into: Path) -> Path:
        """
        Write a variant's files below `into`, readable by any user of a container.

        Raises:
            TaskyardError: The lab has no such variant.
        """
        files = self.files(variant)
        _open_folder(into)
        for relative, source in files.items():
            for parent in reversed(relative.parents):
                _open_folder(into / parent)
            copyfile(source, into / relative)
            # The one permission bit that Git keeps: a start script needs it in a container.
            executable = source.stat().st_mode & 0o100
            (into / relative).chmod(0o755 if executable else 0o644)
        return into

    def expectations(self) -> Mapping[str, expect.Expectation]:
        """
        Read from `expect.toml` how the starter and each wrong answer are rejected.

        Raises:
            TaskyardError: A variant is missing or unknown, or its table is incomplete.
        """
        return expect.read(self.folder / "expect.toml", ("starter", *self.wrong), self.right)


@dataclass(frozen=True)
class Chapter:
    """One chapter; `notebook` is the path of its notebook, even before that is built."""

    number: int
    slug: str
    path: Path
    notebook: Path
    lab: Lab | None = None
    cards: Path | None = None

    @cached_property
    def _page(self) -> Page:
        return Page.read(self.path)

    @cached_property
    def title(self) -> str:
        """Its first heading without the number, or its slug if the page has no title."""
        found = self._page.headings[:1]
        if found and found[0].level == 1:
            return re.sub(r"^\d+\s*[·.:–—-]*\s*", "", found[0].text)
        return names.words(self.slug)

    @cached_property
    def question(self) -> str:
        """The question that it answers: the first one above its first section; empty if none."""
        return next((line for line in self._page.opening if line.endswith("?")), "")


@dataclass(frozen=True)
class Course:
    """All chapters, sorted by number."""

    root: Path
    chapters: tuple[Chapter, ...]

    @classmethod
    def discover(cls, root: Path = ROOT) -> Course:
        """
        Find everything by its name, without reading a page.

        Every command begins with this, so it leaves to `faults` what only an author can mend.

        Raises:
            TaskyardError: Names or structure are wrong: bad names, repeated numbers and slugs, labs
                with missing parts, or labs, cards and notebooks without a chapter.
        """
        root = root.resolve()
        faults: list[Fault] = []
        chapters = list(names.named(root / "chapters", ".md", faults))
        labs = list(names.named(root / "labs", "", faults))
        cards = list(names.named(root / "cards", ".md", faults, others=True))
        notebooks = list(names.named(root / "notebooks", ".ipynb", faults, others=True))
        faults += names.repeated(chapters)
        for kind, paths in (("lab", labs), ("card file", cards), ("notebook", notebooks)):
            faults += names.orphans(kind, paths, chapters)
        for path in labs:
            faults += _incomplete(_lab(path))
        if faults:
            raise TaskyardError.of(faults)
        found = []
        for path in chapters:
            lab = root / "labs" / path.stem
            card = root / "cards" / path.name
            chapter = Chapter(
                number=names.number(path),
                slug=names.slug(path),
                path=path,
                notebook=root / "notebooks" / f"{path.stem}.ipynb",
                lab=_lab(lab) if lab in labs else None,
                cards=card if card in cards else None,
            )
            found.append(chapter)
        return cls(root, tuple(found))

    def faults(self) -> list[Fault]:
        """
        Return authors' mistakes: dead links, chapters without a title, bad `expect.toml` files.

        The tests and the commands for authors call this. A learner's command does not, because a
        dead link is no reason to keep a lab from running.
        """
        found: list[Fault] = []
        for lab in self.labs:
            try:
                lab.expectations()
            except TaskyardError as error:
                found += error.faults
        pages = [chapter.path for chapter in self.chapters]
        pages += [chapter.cards for chapter in self.chapters if chapter.cards]
        pages += [lab.readme for lab in self.labs]
        pages += [self.root / name for name in ("README.md", "CONTRIBUTING.md", "GLOSSARY.md")]
        found += links.dead(self.root, pages)
        for chapter in self.chapters:
            with suppress(TaskyardError):  # `dead` has reported a page that cannot be read
                found += _untitled(chapter)
        return found

    @property
    def labs(self) -> tuple[Lab, ...]:
        return tuple(chapter.lab for chapter in self.chapters if chapter.lab)

    def chapter(self, key: str | int) -> Chapter:
        """
        Return the chapter with a number (7, "7", "07"), a slug or both ("07-replicas").

        Raises:
            TaskyardError: There is no such chapter; the hint lists the chapters, or a close one.
        """
        for chapter in self.chapters:
            names = {str(chapter.number), f"{chapter.number:02}", chapter.slug, chapter.path.stem}
            if str(key) in names:
                return chapter
        names_all = [(chapter.number, chapter.slug) for chapter in self.chapters]
        raise _unknown("chapter", key, names_all)

    def lab(self, key: str | int) -> Lab:
        """
        Return the lab with a number, a slug or both.

        Raises:
            TaskyardError: There is no such lab; the hint lists the labs, or a close one.
        """
        for lab in self.labs:
            if str(key) in {str(lab.number), f"{lab.number:02}", lab.slug, lab.folder.name}:
                return lab
        raise _unknown("lab", key, [(lab.number, lab.slug) for lab in self.labs])


def _unknown(kind: str, key: str | int, known: Iterable[tuple[int, str]]) -> TaskyardError:
    by_slug = {slug: number for number, slug in known}
    wanted = re.sub(r"^\d+-", "", str(key))
    close = get_close_matches(wanted, by_slug, n=1) if not wanted.isdigit() else []
    if close:
        hint = f"did you mean `{close[0]}` ({by_slug[close[0]]})?"
    elif by_slug:
        hint = "there are " + ", ".join(f"{number} `{slug}`" for slug, number in by_slug.items())
    else:
        hint = "the course has none yet: `make new name=work-queues` makes one"
    return TaskyardError(f"there is no {kind} `{key}`", hint=hint)


def _lab(path: Path) -> Lab:
    return Lab(names.number(path), names.slug(path), path)


def _incomplete(lab: Lab) -> Iterator[Fault]:
    for name in _PARTS:
        if not (lab.folder / name).exists():
            what = f"lab `{lab.folder.name}` has no `{name}`"
            yield Fault(what, lab.folder, hint=f"add it; `labs/_template/{name}` is an example")
    for name, count in Counter(lab.variants).items():
        if count > 1:
            what = f"lab `{lab.folder.name}` has {count} variants `{name}`"
            yield Fault(what, lab.folder, hint="rename the folder in `right/` or in `wrong/`")


def _untitled(chapter: Chapter) -> Iterator[Fault]:
    first = next(iter(Page.read(chapter.path).headings), None)
    if first is None or first.level != 1:
        what = "the chapter's first heading is not its title"
        cure = f"begin it with a line such as `# {names.words(chapter.slug)}`"
        yield Fault(what, chapter.path, first.line if first else 1, cure)


def _open_folder(path: Path) -> None:
    if not path.exists():
        path.mkdir(parents=True)
        path.chmod(0o755)


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
