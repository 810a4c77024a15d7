"""The learner's copies of the notebooks, and the JupyterLab that opens them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from random import random
from threading import Thread

import pytest
from jupyter_server.services.contents.fileio import atomic_writing
from processes import end
from terminal import Terminal

from taskyard.course import Course
from taskyard.deadline import until
from taskyard.errors import TaskyardError
from taskyard.learner import jupyter
from taskyard.learner.jupyter import lab_command, lab_environment, lay_out

NAME = "01-first-task.ipynb"
ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+)/lab\S*\?(token=\w+)")
START_S = 60.0
ENTRY = """\
[nbconvert.exporters]
held = held:Exporter
"""
HELD = """\
from pathlib import Path
from threading import Event

Path(__file__).with_name("asked").touch()
Event().wait()
"""
"""An exporter that the server loads in a thread when it lists all of them; this never ends."""


@pytest.fixture
def course(tmp_path: Path) -> Course:
    root = tmp_path / "course"
    (root / "chapters").mkdir(parents=True)
    (root / "chapters" / "01-first-task.md").write_text("# First task\n", encoding="utf-8")
    (root / "notebooks").mkdir()
    publish(root / "notebooks" / NAME, "version one")
    return Course.discover(root)


def publish(path: Path, text: str, output: str = "42") -> None:
    """Write a notebook with one Markdown cell and one code cell that was run."""
    cell = {"cell_type": "code", "id": "b", "metadata": {}, "execution_count": 1}
    result = {"output_type": "stream", "name": "stdout", "text": [output]}
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": [text]},
        {**cell, "outputs": [result], "source": ["print(42)"]},
    ]
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content), encoding="utf-8")


def text_of(path: Path) -> str:
    return "".join(json.loads(path.read_bytes())["cells"][0]["source"])


def notebooks(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.ipynb"))


def test_an_untouched_copy_is_renewed(course: Course) -> None:
    desk = course.root / "work" / "notebooks"
    assert lay_out(course, desk) == []
    publish(course.root / "notebooks" / NAME, "version two")
    assert lay_out(course, desk) == []
    assert (notebooks(desk), text_of(desk / NAME)) == ([NAME], "version two")


def test_running_and_saving_a_copy_does_not_count_as_a_change(course: Course) -> None:
    desk = course.root / "work" / "notebooks"
    lay_out(course, desk)
    publish(desk / NAME, "version one", output="43")
    publish(course.root / "notebooks" / NAME, "version two")
    assert lay_out(course, desk) == []
    assert (notebooks(desk), text_of(desk / NAME)) == ([NAME], "version two")


@pytest.mark.parametrize("place", ["work/notebooks", "../elsewhere"])
def test_a_copy_answers_no_question_before_it_is_asked(course: Course, place: str) -> None:
    desk = course.root / place
    committed = (course.root / "notebooks" / NAME).read_bytes()
    lay_out(course, desk)
    code = json.loads((desk / NAME).read_bytes())["cells"][1]
    assert (code["outputs"], code["execution_count"]) == ([], None)
    assert code["source"] == ["print(42)"]
    assert (course.root / "notebooks" / NAME).read_bytes() == committed


@pytest.mark.parametrize(("mine", "kept"), [("version one", "version two"), ("mine", "mine")])
def test_a_copy_from_the_time_when_copies_had_outputs_is_renewed_unless_it_was_edited(
    course: Course, mine: str, kept: str
) -> None:
    desk = course.root / "work" / "notebooks"
    desk.mkdir(parents=True)
    before = (course.root / "notebooks" / NAME).read_bytes()
    cells = repr([("markdown", "version one"), ("code", "print(42)")]).encode()
    digests = {"version": before, "cells": cells}
    record = {NAME: {name: sha256(what).hexdigest() for name, what in digests.items()}}
    (desk / ".copied.json").write_text(json.dumps(record))
    publish(desk / NAME, mine)
    assert lay_out(course, desk) == []
    assert '"42"' in (desk / NAME).read_text()
    publish(course.root / "notebooks" / NAME, "version two")
    assert len(lay_out(course, desk)) == (mine == "mine")
    assert text_of(desk / NAME) == kept


def test_a_run_copy_stays_while_the_course_has_no_new_version(course: Course) -> None:
    desk = course.root / "work" / "notebooks"
    lay_out(course, desk)
    publish(desk / NAME, "version one", output="43")
    assert lay_out(course, desk) == []
    assert "43" in (desk / NAME).read_text()


def test_a_changed_copy_stays_and_the_new_version_is_laid_beside_it_once(course: Course) -> None:
    desk = course.root / "work" / "notebooks"
    lay_out(course, desk)
    publish(desk / NAME, "mine")
    assert lay_out(course, desk) == []
    publish(course.root / "notebooks" / NAME, "version two")
    (notice,) = lay_out(course, desk)
    beside = "01-first-task.new.ipynb"
    assert NAME in notice and beside in notice
    assert lay_out(course, desk) == []
    assert notebooks(desk) == [NAME, beside]
    assert (text_of(desk / NAME), text_of(desk / beside)) == ("mine", "version two")

    publish(desk / beside, "mine too")
    publish(course.root / "notebooks" / NAME, "version three")
    assert len(lay_out(course, desk)) == 1
    third = "01-first-task.new-2.ipynb"
    assert [text_of(desk / name) for name in (NAME, beside, third)] == [
        "mine",
        "mine too",
        "version three",
    ]


def test_a_notebook_of_the_learners_with_the_same_name_is_not_overwritten(course: Course) -> None:
    desk = course.root / "work" / "notebooks"
    desk.mkdir(parents=True)
    (desk / NAME).write_text("no notebook at all", encoding="utf-8")
    assert len(lay_out(course, desk)) == 1
    assert (desk / NAME).read_text(encoding="utf-8") == "no notebook at all"


def test_a_deleted_copy_comes_back(course: Course) -> None:
    desk = course.root / "work" / "notebooks"
    lay_out(course, desk)
    (desk / NAME).unlink()
    assert lay_out(course, desk) == []
    assert notebooks(desk) == [NAME]


def test_a_broken_record_is_told_and_nothing_is_overwritten(course: Course) -> None:
    desk = course.root / "work" / "notebooks"
    lay_out(course, desk)
    publish(desk / NAME, "mine")
    (desk / ".copied.json").write_text("{", encoding="utf-8")
    notices = lay_out(course, desk)
    assert "cannot be read" in notices[0]
    assert text_of(desk / NAME) == "mine"


def test_a_save_just_before_a_copy_is_renewed_is_kept(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JupyterLab saves after the copy was compared, and before it is replaced."""
    desk = course.root / "work" / "notebooks"
    lay_out(course, desk)
    publish(course.root / "notebooks" / NAME, "version two")
    compare = jupyter._cells

    def save_after_the_look(content: bytes) -> str:
        publish(desk / NAME, "mine")
        return compare(content)

    with monkeypatch.context() as patch:
        patch.setattr(jupyter, "_cells", save_after_the_look)
        (notice,) = lay_out(course, desk)
    beside = "01-first-task.new.ipynb"
    assert beside in notice
    assert (text_of(desk / NAME), text_of(desk / beside)) == ("mine", "version two")


def test_a_save_at_any_moment_of_a_renewal_is_kept(course: Course) -> None:
    """A hundred saves, made as JupyterLab's server makes them, meet a hundred renewals."""
    desk = course.root / "work" / "notebooks"
    lost = []
    for number in range(100):
        publish(course.root / "notebooks" / NAME, f"version {number}")
        lay_out(course, desk)
        publish(course.root / "notebooks" / NAME, f"version {number}, mended")
        saver = Thread(target=save, args=(desk / NAME, f"mine {number}", random() * 0.01))
        saver.start()
        lay_out(course, desk)
        saver.join()
        held = [text_of(path) for path in desk.glob("*ipynb*")]
        if f"mine {number}" not in held:
            lost.append((number, held))
        for path in desk.iterdir():
            path.unlink()
    assert lost == []


def save(path: Path, text: str, after_s: float) -> None:
    """Save a notebook as JupyterLab's server does; again, if it reports that this failed."""
    time.sleep(after_s)  # which moment it meets is left to chance
    content = {"cells": [{"cell_type": "markdown", "source": [text]}]}
    with suppress(FileNotFoundError), atomic_writing(str(path)) as file:
        file.write(json.dumps(content))
        return
    save(path, text, 0)


def test_a_renewal_that_was_killed_between_two_names_is_finished(course: Course) -> None:
    """The copy that it had moved aside comes back: here an edited one, which stays."""
    desk = course.root / "work" / "notebooks"
    lay_out(course, desk)
    publish(desk / NAME, "mine")
    (desk / NAME).rename(desk / f".{NAME}.aside")
    assert lay_out(course, desk) == []
    assert text_of(desk / NAME) == "mine"
    assert not (desk / f".{NAME}.aside").exists()


def test_links_lead_from_the_desk_to_the_course(course: Course) -> None:
    desk = course.root / "work" / "notebooks"
    publish(course.root / "notebooks" / NAME, "[lab](../labs/x/README.md) [next](02-x.ipynb)")
    lay_out(course, desk)
    assert text_of(desk / NAME) == "[lab](../../labs/x/README.md) [next](02-x.ipynb)"
    assert lay_out(course, desk) == []


def test_a_course_without_notebooks_says_how_to_build_them(course: Course) -> None:
    (course.root / "notebooks" / NAME).unlink()
    with pytest.raises(TaskyardError, match="no notebook") as caught:
        lab_command(course, course.root / "work" / "notebooks", {})
    assert "make notebooks" in caught.value.faults[0].hint


def test_no_browser_opens_without_a_display_or_in_ci(course: Course) -> None:
    desk = course.root / "work" / "notebooks"
    assert "--no-browser" in lab_command(course, desk, {"CI": "true", "DISPLAY": ":0"})
    assert "--no-browser" not in lab_command(course, desk, {"DISPLAY": ":0"})


def test_options_of_the_caller_win(course: Course) -> None:
    desk = course.root / "work" / "notebooks"
    options = ["--no-browser", "--LabApp.default_url=/lab"]
    command = lab_command(course, desk, {}, options)
    assert command[-2:] == options
    assert [part.partition("=")[0] for part in command].count("--LabApp.default_url") == 1
    assert command.count("--no-browser") == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="macOS always has a display")
def test_no_browser_opens_on_a_linux_without_a_display(course: Course) -> None:
    desk = course.root / "work" / "notebooks"
    assert "--no-browser" in lab_command(course, desk, {})


def test_jupyterlab_starts_behind_a_token_on_the_first_notebook(
    course: Course, tmp_path: Path
) -> None:
    desk = course.root / "work" / "notebooks"
    lay_out(course, desk)
    home = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environment = lab_environment(os.environ | home | {"CI": "true"})
    command = lab_command(course, desk, environment, ["--ServerApp.port=0"])
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        server = subprocess.Popen(command, env=environment, stderr=stderr)
    try:
        url = address(log)
        assert url.startswith("http://127.0.0.1:")
        assert f"/lab/tree/work/notebooks/{NAME}?token=" in url
        base, token = url.split("/lab")[0], url.partition("token=")[2]
        page = open_when_ready(f"{base}/lab?token={token}")
        assert len(token) > 30
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{base}/api/contents", timeout=10)
        settings = json.loads(re.findall(r'id="jupyter-config-data"[^>]*>\s*({.*?})\s*<', page)[0])
        assert "jupyterlab-jupytext" in settings["disabledExtensions"]
    finally:
        end(server)


def address(log: Path) -> str:
    """Return the URL that JupyterLab prints."""
    printed = partial(re.search, r"http://127\S+token=\w+")
    return until(lambda: printed(log.read_text()), "its address", START_S, log.read_text)[0]


def open_when_ready(url: str) -> str:
    """Return a page; JupyterLab prints its address a moment before it listens."""

    def answer() -> str:
        with suppress(urllib.error.URLError), urllib.request.urlopen(url, timeout=10) as page:
            return str(page.read(), "utf-8")
        return ""

    return until(answer, f"an answer of {url}", START_S)


def test_ctrl_c_ends_jupyterlab_and_nothing_is_asked(tmp_path: Path) -> None:
    """As the line says that it prints first; here while a thread of it works for a browser."""
    plugin = tmp_path / "plugin"
    (plugin / "held-1.dist-info").mkdir(parents=True)
    (plugin / "held-1.dist-info" / "entry_points.txt").write_text(ENTRY)
    (plugin / "held.py").write_text(HELD)
    server, api = in_terminal(tmp_path, PYTHONPATH=str(plugin))
    with urllib.request.urlopen(api("kernels"), b"{}"):
        (kernel,) = (tmp_path / "RUNTIME").glob("kernel-*.json")
    browser = Thread(target=send_and_fail, args=(api("nbconvert"),))
    browser.start()
    until((plugin / "asked").exists, "a thread at work", START_S)
    server.type("\x03")
    status, told = server.end()
    browser.join()
    assert status == 0
    assert "[n]" not in told
    assert not kernel.exists()  # as after a kernel's orderly end


def test_a_save_that_ctrl_c_meets_is_whole(tmp_path: Path) -> None:
    """JupyterLab writes into the notebook itself; what it held is beside it meanwhile."""
    server, api = in_terminal(tmp_path)
    notebook = tmp_path / "work" / "notebooks" / "mine.ipynb"
    publish(notebook, "before")
    content = json.loads(notebook.read_bytes())
    content["cells"] = [{**content["cells"][0], "id": f"c{n}"} for n in range(10_000)]
    model = json.dumps({"type": "notebook", "format": "json", "content": content}).encode()
    save = urllib.request.Request(api("contents/mine.ipynb"), model, method="PUT")
    browser = Thread(target=send_and_fail, args=(save,))
    browser.start()
    before = notebook.with_name(f".~{notebook.name}")
    until(before.exists, "a save", START_S)
    server.type("\x03")
    server.end()
    browser.join()
    assert len(json.loads(notebook.read_bytes())["cells"]) == 10_000
    assert not before.exists()


def in_terminal(folder: Path, **variables: str) -> tuple[Terminal, Callable[[str], str]]:
    """Start JupyterLab as a learner does; return its terminal, and the URL of each API."""
    folders = {f"JUPYTER_{kind}_DIR": str(folder / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    unseen = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    env = {**unseen, **folders, **variables, "TASKYARD_WORK": str(folder / "work")}
    server = Terminal([sys.executable, "-m", "taskyard", "start", "--ServerApp.port=0"], env)
    server.wait_for("Ctrl-C ends it")
    found = until(lambda: ADDRESS.search(server.read()), "its address", START_S, server.read)
    base, token = found.groups()
    open_when_ready(f"{base}/api?{token}")
    return server, lambda name: f"{base}/api/{name}?{token}"


def send_and_fail(request: str | urllib.request.Request) -> None:
    """Send a request to a server that may end meanwhile."""
    with suppress(OSError, HTTPException), urllib.request.urlopen(request) as answer:
        answer.read()
