"""JupyterLab for learners, on copies of the notebooks on their desk."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import NoReturn

from taskyard.course import Course
from taskyard.errors import TaskyardError
from taskyard.files import recover, renew, write
from taskyard.learner.desk import usable
from taskyard.notebook.kernel import kernel_environment
from taskyard.notebook.links import relink

CONFIG = Path(__file__).with_name("jupyter_config")
RECORD = ".copied.json"


@dataclass(frozen=True)
class _Copied:
    """
    The record of one notebook that was copied to the desk.

    Attributes:
        version: Digest of the course's notebook.
        cells: Digest of the copy's sources, which an edit changes; running a cell or saving does
            not.
    """

    version: str
    cells: str


def start(course: Course, desk: Path, options: Sequence[str] = ()) -> NoReturn:
    """
    Copy the notebooks to the desk, and replace this process by JupyterLab on the first of them.

    Args:
        desk: The learner's folder, such as `work/`.
        options: Further options of `jupyter lab`, which override the course's own.

    Raises:
        TaskyardError: There is no notebook, or the desk cannot be used.
    """
    folder = desk / "notebooks"
    command = lab_command(course, folder, os.environ, options)
    with usable(desk):
        notices = lay_out(course, folder)
    for notice in notices:
        print(notice)
    print("JupyterLab starts; Ctrl-C ends it.", flush=True)
    os.execve(command[0], command, lab_environment(os.environ))


def lay_out(course: Course, folder: Path) -> list[str]:
    """
    Copy the course's notebooks to a folder, and never overwrite what the learner changed there.

    When the course has a new version of a notebook, it replaces an unedited copy; beside an edited
    one, it is called `01-first-task.new.ipynb`. Copies have no outputs, which would answer each
    question before it is asked.

    Returns:
        Sentences for the learner.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copied, notices = _read_record(folder / RECORD)
    for chapter in course.chapters:
        if not chapter.notebook.exists():
            continue
        content = chapter.notebook.read_bytes()
        version = hashlib.sha256(content).hexdigest()
        for name in _names(chapter.notebook):
            path, known = folder / name, copied.get(name)
            is_first = name == chapter.notebook.name
            recover(path)
            if known and known.version == version and (path.exists() or not is_first):
                break  # this version has been copied before
            may_go = partial(_is_unedited, known)
            laid = _for_desk(content, course, folder)
            # Asked twice, so that an edited file is not even moved, and a save since then is kept.
            if not (may_go(_held(path)) and renew(path, may_go, laid)):
                continue  # the learner has edited this file: try the next name
            copied[name] = _Copied(version, _cells(laid))
            if not is_first:
                notices.append(
                    f"{chapter.notebook.name} has a new version and you changed yours: "
                    f"the new one is {path}"
                )
            break
    record = json.dumps({name: asdict(copy) for name, copy in sorted(copied.items())}, indent=1)
    write(folder / RECORD, f"{record}\n".encode())
    return notices


def lab_command(
    course: Course, folder: Path, environment: Mapping[str, str], options: Sequence[str] = ()
) -> list[str]:
    """
    Return the command that opens the first notebook of a folder.

    Raises:
        TaskyardError: The course has no notebook.
    """
    built = [chapter.notebook.name for chapter in course.chapters if chapter.notebook.exists()]
    if not built:
        raise TaskyardError("the course has no notebook", hint="build them: make notebooks")
    # If the desk lies in the course, serve all of it, so that links to labs and chapters work.
    root = course.root if folder.is_relative_to(course.root) else folder
    first = (folder / built[0]).relative_to(root).as_posix()
    command = [
        sys.executable,
        "-m",
        "taskyard.learner.server",
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/{first}",
        "--ServerApp.answer_yes=True",  # so that Ctrl-C ends it without a question
    ]
    if not _has_browser(environment):
        command.append("--no-browser")
    if os.geteuid() == 0:
        command.append("--allow-root")  # it still listens on loopback and asks for its token
    # JupyterLab refuses an option that is there twice
    given = {option.partition("=")[0] for option in options}
    return [part for part in command if part.partition("=")[0] not in given] + list(options)


def lab_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for JupyterLab, with the course's settings and the build's kernels."""
    path = [str(CONFIG), *filter(None, [base.get("JUPYTER_CONFIG_PATH")])]
    return kernel_environment(base) | {
        "JUPYTER_CONFIG_PATH": os.pathsep.join(path),
        "JUPYTER_PREFER_ENV_PATH": "1",  # .venv's kernel, not one in the home folder
    }


def _has_browser(environment: Mapping[str, str]) -> bool:
    """
    Tell whether a browser can be opened.

    Without a display, Python would open a browser for terminals on top of the server's log.
    """
    if environment.get("CI"):
        return False
    displays = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return not sys.platform.startswith("linux") or any(map(environment.get, displays))


def _names(notebook: Path) -> Iterator[str]:
    yield notebook.name
    yield f"{notebook.stem}.new.ipynb"
    for number in count(2):
        yield f"{notebook.stem}.new-{number}.ipynb"


def _held(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _is_unedited(known: _Copied | None, held: bytes | None) -> bool:
    return held is None or (known is not None and _cells(held) == known.cells)


def _cells(content: bytes) -> str:
    """Return a digest of the cells' kinds and sources; of the whole file if it is no notebook."""
    try:
        cells = json.loads(content)["cells"]
        kept = repr([(cell["cell_type"], "".join(cell["source"])) for cell in cells]).encode()
    except (ValueError, KeyError, TypeError):
        kept = content
    return hashlib.sha256(kept).hexdigest()


def _for_desk(content: bytes, course: Course, folder: Path) -> bytes:
    """Clear a notebook's outputs, and adapt its relative links to its new folder."""
    is_near = folder.is_relative_to(course.root)
    way = Path(os.path.relpath(course.root / "notebooks", folder))
    notebook = json.loads(content)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
        elif cell["cell_type"] == "markdown" and is_near:
            text = relink("".join(cell["source"]), partial(_from_desk, way))
            cell["source"] = text.splitlines(keepends=True)
    return f"{json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)}\n".encode()


def _from_desk(way: Path, target: str) -> str:
    return os.path.normpath(way / target) if target.startswith("../") else target


def _read_record(path: Path) -> tuple[dict[str, _Copied], list[str]]:
    if not path.exists():
        return {}, []
    try:
        data = json.loads(path.read_bytes())
        return {name: _Copied(**entry) for name, entry in data.items()}, []
    except (ValueError, TypeError, AttributeError):
        return {}, [f"{path} cannot be read: every notebook beside it counts as edited"]
