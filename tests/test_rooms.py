"""The package's rooms: what each may import, what a lab may import, and where the tests are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from taskyard.files import ROOT

PACKAGE = ROOT / "src" / "taskyard"
TESTS = ROOT / "tests"

MAY_IMPORT = {
    "errors": [],
    "files": [],
    "deadline": [],
    "compose": [],
    "pages": ["compose"],
    "engine": ["compose"],
    "course": ["pages"],
    "kit": ["engine", "compose"],
    "topics": ["kit", "engine", "compose"],
    "notebook": ["kit", "course", "engine", "compose", "pages"],
    "cards": ["course", "pages"],
    "learner": ["notebook", "kit", "course", "engine", "compose", "pages"],
    "cli": ["learner", "notebook", "cards", "kit", "course", "engine", "compose", "pages"],
    "__main__": ["cli"],
}
"""Room to the rooms below that it may import; a topic is a room of its own, and knows no other."""

GROUND = ["errors", "files", "deadline"]
"""What every room may import; each of them is one module."""

MOST_ROOMS = 17

FOR_LABS = ["kit", "topics", "compose", "errors", "deadline"]

MOST_LINES = 400


def modules() -> list[Path]:
    """Every module of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def labs_modules() -> list[Path]:
    """Every module of the labs, also of their variants."""
    return sorted((ROOT / "labs").rglob("*.py"))


def room_of(dotted: str) -> str:
    """Name the room of a module such as `taskyard.kit.stack`; a topic's has its slug."""
    _, name, *rest = dotted.split(".")
    return f"topics.{rest[0]}" if name == "topics" and rest else name


def imports(path: Path) -> Iterator[str]:
    """Yield what of the package a file imports, wherever in the file, also in a string of types."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("taskyard."))
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            if node.module == "taskyard":
                yield from (f"taskyard.{name.name}" for name in node.names)
            elif node.module.startswith("taskyard."):
                yield node.module
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise AssertionError(f"{path}:{node.lineno}: import it by its whole name")


def dotted(path: Path) -> str:
    """Return a module's name."""
    return ".".join(("taskyard", *path.relative_to(PACKAGE).with_suffix("").parts))


def rooms() -> dict[str, set[str]]:
    """Every room with the others that it imports."""
    found: dict[str, set[str]] = {}
    for path in modules():
        if (path.parent == PACKAGE and path.name == "__init__.py") or path.parent.name == "topics":
            continue
        here = room_of(dotted(path))
        found.setdefault(here, set())
        found[here] |= {room_of(name) for name in imports(path)} - {here, "__version__"}
    return found


def test_each_room_imports_only_rooms_below_it() -> None:
    """The table above is the design's; a room that is not in it has no place yet."""
    wrong = [
        f"{room} imports {other}"
        for room, others in rooms().items()
        for other in others
        if other not in GROUND and other not in MAY_IMPORT[room.partition(".")[0]]
    ]
    assert [] == wrong


def test_the_rooms_are_few_and_stand_in_floors() -> None:
    """No two rooms import each other, not even around a corner."""
    found = rooms()
    floors = list(TopologicalSorter(found).static_order())  # raises CycleError
    assert len(floors) == len(found)
    assert len(found) <= MOST_ROOMS, sorted(found)


def test_markdown_is_read_by_one_parser() -> None:
    """What is a table or a header to one room is the same to all of them."""
    makers = [dotted(path) for path in modules() if "import MarkdownIt" in path.read_text("utf-8")]
    assert ["taskyard.pages.parser"] == makers


@pytest.mark.parametrize(
    "path",
    [*modules(), *sorted((ROOT / "labs").glob("*/*.py"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_module_is_short(path: Path) -> None:
    """One noun a module, in a lab as well: what needs more lines is two nouns."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", labs_modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lab_imports_what_is_made_for_it(path: Path) -> None:
    """The tooling behind `kit` and `topics` may change without a look at the labs."""
    wrong = [name for name in imports(path) if room_of(name).partition(".")[0] not in FOR_LABS]
    assert [] == wrong


def test_contributing_names_what_a_lab_may_import() -> None:
    """All of it, and nothing else of the package."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(FOR_LABS) == set(re.findall(r"`taskyard\.(\w+)`", text))


SLEEPS = {
    "src/taskyard/deadline.py": "it is the one waiter",
    "src/taskyard/cli.py": "it watches over `make` for as long as that lives",
    "src/taskyard/kit/recorder.py": "it listens for as long as it is told to, whatever breaks",
    "src/taskyard/engine/embedded/entrypoint.py": "it runs inside a replica, without the package",
    "labs/02-image-layers/yard.py": "it writes one into the shop, which then is slow to close",
    "labs/09-beat/probe.py": "it runs inside a replica, without the package",
}
"""Who calls `time.sleep`, and why `taskyard.deadline.until` is not for them."""


def test_one_waiter_waits_for_all() -> None:
    """A loop of one's own has a deadline that no slow machine moves; whoever has one says why."""
    files = [*modules(), *(ROOT / "labs").glob("*/*.py")]
    found = {
        str(path.relative_to(ROOT))
        for path in files
        if re.search(r"\btime\.sleep\(|\bfrom time import .*\bsleep\b", path.read_text("utf-8"))
    }
    assert SLEEPS.keys() == found


MAKES_TEMPORARY = {
    "src/taskyard/kit/guard.py": "it outlives whoever works in its folder, and removes it",
    "src/taskyard/kit/stack.py": "it only asks where they are",
    "src/taskyard/cards/package.py": "a draft beside the deck, which takes its name",
}


def test_temporary_folders_are_made_where_something_removes_them() -> None:
    """A process that is killed removes nothing, whatever `with` it is in; another one has to."""
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "labs").glob("*/*.py")]  # none that a replica runs
    found = {
        str(path.relative_to(ROOT))
        for path in files
        if re.search(r"^\s*(import|from) tempfile\b", path.read_text("utf-8"), re.MULTILINE)
    }
    assert MAKES_TEMPORARY.keys() == found


def mirrored(room: str) -> list[Path]:
    """Find a room's tests: in the folder of its name, or in one file if it is one module."""
    folder = TESTS.joinpath(*room.split("."))
    return sorted(folder.rglob("test_*.py")) or [*TESTS.glob(f"test_{room}.py")]


@pytest.mark.parametrize("room", sorted(rooms().keys() - {"__main__"}))  # which only calls `cli`
def test_a_room_has_its_tests_in_its_own_place(room: str) -> None:
    """Each test names the room in an import or in a program, or names a room that imports it."""
    found = rooms()
    above = {room} | {other for other, others in found.items() if room in others}
    named = re.compile(rf"\btaskyard\.({'|'.join(map(re.escape, above))})\b")
    assert mirrored(room)
    strangers = [
        str(path.relative_to(ROOT))
        for path in mirrored(room)
        if not named.search(path.read_text(encoding="utf-8"))
    ]
    assert [] == strangers
