"""Building a notebook from a synthetic chapter, with real kernels."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import is_alive

from taskyard.deadline import until
from taskyard.errors import TaskyardError
from taskyard.files import ROOT
from taskyard.notebook.build import build, is_current

CHAPTER = """\
# First task

```python
import os
import sys

from taskyard.errors import TaskyardError

print(os.environ["TZ"], os.environ["COLUMNS"])
print("told", file=sys.stderr)
{"order": 42}
```

A cell that may fail:

```python tags=["raises-exception"]
raise TaskyardError("no such article")
```

A cell that measures:

```python why="a time of day" tags=["nbval-ignore-output"]
import time

time.time_ns()
```
"""

PICTURE = """\
# First task

```python
from pathlib import Path

import matplotlib.pyplot as plt

from taskyard.notebook.display import set_up_display

set_up_display(Path("lab"))
_ = plt.plot([1, 4, 9])
```
"""

SLEEPING = """\
# First task

```python
import os
import subprocess
import time
from pathlib import Path

child = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL)
Path("pids.new").write_text(f"{os.getpid()} {child.pid}")
os.rename("pids.new", "pids")
time.sleep(600)
```
"""

CONNECTS = """\
# First task

```python
from ipykernel.connect import get_connection_info

get_connection_info(unpack=True)["transport"]
```
"""

BUILD = """\
import pathlib, sys
from taskyard.notebook.build import build
build(*map(pathlib.Path, sys.argv[1:]))
"""
GONE_S = 10.0


def write(folder: Path, text: str) -> tuple[Path, Path]:
    chapter = folder / "01-first-task.md"
    chapter.write_text(text, encoding="utf-8")
    return chapter, folder / "01-first-task.ipynb"


def outputs(notebook: Path) -> list[list[dict[str, object]]]:
    cells = json.loads(notebook.read_bytes())["cells"]
    return [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]


def test_building_twice_changes_nothing_and_fresh_renews_what_measures(tmp_path: Path) -> None:
    chapter, notebook = write(tmp_path, CHAPTER)
    assert not is_current(chapter, notebook)
    assert build(chapter, notebook)
    first = notebook.read_bytes()
    assert is_current(chapter, notebook)
    printed, raised, measured = outputs(notebook)
    assert [output["text"] for output in printed[:2]] == [["UTC 100\n"], ["told\n"]]
    assert printed[2]["data"] == {"text/plain": ["{'order': 42}"]}
    assert raised[0]["traceback"] == ["TaskyardError: error: no such article"]

    assert not build(chapter, notebook)
    assert notebook.read_bytes() == first

    assert build(chapter, notebook, fresh=True)
    assert outputs(notebook)[:2] == [printed, raised]
    assert outputs(notebook)[2] != measured


def test_a_cell_that_measures_is_renumbered_and_keeps_its_output(tmp_path: Path) -> None:
    chapter, notebook = write(tmp_path, CHAPTER)
    build(chapter, notebook)
    measured = outputs(notebook)[2][0]["data"]
    write(tmp_path, CHAPTER.replace("# First task", "# First task\n\n```python\nx = 1\n```"))
    assert not is_current(chapter, notebook)
    assert build(chapter, notebook)
    output = outputs(notebook)[3][0]
    assert (output["data"], output["execution_count"]) == (measured, 4)


def test_a_picture_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    chapter, notebook = write(tmp_path, PICTURE)
    assert build(chapter, notebook)
    assert not build(chapter, notebook)
    (picture,) = outputs(notebook)[0]
    assert "<Figure size 700x300 with 1 Axes>" in str(picture)


def run_nbval(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run strict nbval as `make test` does, on a folder of its own."""
    (folder / "conftest.py").write_bytes((ROOT / "notebooks" / "conftest.py").read_bytes())
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=60"]
    options += [f"--nbval-sanitize-with={ROOT / 'sanitize.cfg'}", "-c", os.devnull]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--rootdir={folder}", str(folder)],
        capture_output=True,
        text=True,
    )


def test_a_built_notebook_passes_strict_nbval_and_one_that_never_ran_does_not(
    tmp_path: Path,
) -> None:
    chapter, notebook = write(tmp_path, CHAPTER)
    build(chapter, notebook)
    passed = run_nbval(tmp_path)
    assert "3 passed" in passed.stdout, passed.stdout
    content = json.loads(notebook.read_bytes())
    content["cells"][1]["execution_count"] = None
    notebook.write_text(json.dumps(content), encoding="utf-8")
    refused = run_nbval(tmp_path)
    assert "01-first-task.ipynb::Cell 0 was never run: make notebooks" in refused.stderr


def test_a_kernel_has_no_tcp_port_that_another_could_take_first(tmp_path: Path) -> None:
    """Neither in a build nor under nbval: chapters, labs and kernels start side by side."""
    chapter, notebook = write(tmp_path, CONNECTS)
    build(chapter, notebook)
    assert outputs(notebook)[0][0]["data"] == {"text/plain": ["'ipc'"]}
    assert "1 passed" in run_nbval(tmp_path).stdout


FAILING = {
    "an exception": (
        "def price(order):\n    return 1 / 0\n\n\nprice(42)",
        8,
        ["`ZeroDivisionError: division by zero`", ">    8 | price(42)", "return 1 / 0"],
    ),
    "a deadline": ("import time\ntime.sleep(60)", 4, ["did not end within 2 s"]),
    "a dead kernel": ("import os\nos._exit(3)", 4, ["the kernel ended in this cell"]),
}


@pytest.mark.parametrize(("cell", "line", "told"), FAILING.values(), ids=FAILING.keys())
def test_a_cell_that_fails_is_shown_with_its_lines_and_the_old_notebook_stays(
    tmp_path: Path, cell: str, line: int, told: list[str]
) -> None:
    chapter, notebook = write(tmp_path, f"# First task\n\n```python\n{cell}\n```\n")
    notebook.write_text("old", encoding="utf-8")
    with pytest.raises(TaskyardError) as caught:
        build(chapter, notebook, timeout_s=2 if "time.sleep" in cell else 60)
    (fault,) = caught.value.faults
    assert (fault.path, fault.line) == (chapter, line)
    assert [text for text in told if text not in fault.what] == []
    assert notebook.read_text(encoding="utf-8") == "old"


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder for temporary files whose name leaves room for a socket's in it."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_build_that_is_killed_leaves_no_process_and_no_file(
    tmp_path: Path, short: Path, number: signal.Signals
) -> None:
    chapter, notebook = write(tmp_path, SLEEPING)
    builder = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(chapter), str(notebook)],
        env={**os.environ, "TMPDIR": str(short)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until((tmp_path / "pids").exists, "the processes to begin", GONE_S)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert list(short.iterdir())
    builder.send_signal(number)
    builder.wait()
    until(lambda: not any(map(is_alive, pids)), "the processes to end", GONE_S)
    until(lambda: not list(short.iterdir()), "the folders to go", GONE_S)
    assert {path.name for path in tmp_path.iterdir()} == {chapter.name, "pids"}
