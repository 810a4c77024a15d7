"""A learner's JupyterLab in a real browser."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import nbformat
import pytest
from contrast import contrast
from processes import end

from taskyard.course import Course
from taskyard.deadline import until
from taskyard.learner.jupyter import lab_command, lab_environment, lay_out
from taskyard.notebook.build import build

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

pytestmark = pytest.mark.browser

CHAPTER = """\
# First task

Which of these does Redis hold? See [the lab](../README.md).

```mermaid
flowchart LR
  P[producer] --> B[(broker)] --> W[worker]
```

<details>
<summary>Answer</summary>

~~~python
receipt.state
~~~

</details>

```python
from pathlib import Path

import matplotlib.pyplot as plt

from taskyard.notebook.display import set_up_display

set_up_display(Path("lab"))
{"order": 42}
```

A picture:

```python
_ = plt.plot([1, 4, 9])
```

A mistake:

```python tags=["raises-exception"]
Path("nowhere").read_text()
```
"""

START_S = 60.0
NEEDED = 3.0  # of contrast. Source: WCAG 2.2, success criterion 1.4.11.
PATIENT_MS = 180_000
CHANGED = "net::ERR_NETWORK_CHANGED"
BY_THE_CLOCK: Any = {"polling": 250}
"""How often a condition is checked: not with each picture, because a busy machine draws few."""

RAN = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const cells = [...panel.content.model.cells].map(cell => cell.toJSON());
  const session = panel.context.sessionContext.session;
  return session?.kernel?.status === "idle" &&
    cells.every(cell => cell.cell_type !== "code" || cell.execution_count !== null);
}"""
READY = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  return panel?.content?.model && panel.context.isReady &&
    panel.context.sessionContext.session?.kernel?.connectionStatus === "connected";
}"""
COMMAND = "name => { window.jupyterapp.commands.execute(name); }"
SIDEBAR = """() => {
  const files = document.querySelector("#filebrowser");
  const theme = getComputedStyle(document.documentElement);
  return {
    notebook: document.querySelector("#jp-main-dock-panel").offsetWidth,
    files: files.offsetWidth,
    dates: getComputedStyle(files.querySelector(".jp-id-modified")).display !== "none",
    byTheme: getComputedStyle(files).minWidth ===
      theme.getPropertyValue("--jp-sidebar-min-width"),
  };
}"""
DIAGRAM = """image => {
  const colour = document.createElement("canvas").getContext("2d");
  const hexadecimal = name => { colour.fillStyle = name; return colour.fillStyle; };
  const inks = /fill:([^;]+);\\}.*\\.flowchart-link\\{stroke:([^;]+);/s;
  const [, text, line] = decodeURIComponent(image.src).match(inks);
  return [getComputedStyle(image).backgroundColor, text, line].map(hexadecimal);
}"""
CELLS = "() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells"


@pytest.fixture
def course(tmp_path: Path) -> Course:
    root = tmp_path / "course"
    for folder in ("chapters", "notebooks"):
        (root / folder).mkdir(parents=True)
    (root / "README.md").write_text("# A course\n", encoding="utf-8")
    chapter = root / "chapters" / "01-first-task.md"
    chapter.write_text(CHAPTER, encoding="utf-8")
    build(chapter, root / "notebooks" / "01-first-task.ipynb")
    return Course.discover(root)


@pytest.fixture
def address(course: Course, tmp_path: Path) -> Iterator[str]:
    """Start JupyterLab as `make start` does; yield the address that it prints."""
    desk = course.root / "work" / "notebooks"
    lay_out(course, desk)
    own = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environment = lab_environment(os.environ | own | {"CI": "true"})
    options = ["--ServerApp.port=0", "--LabApp.expose_app_in_browser=True"]
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        command = lab_command(course, desk, environment, options)
        server = subprocess.Popen(command, env=environment, stderr=stderr)
    printed = partial(re.search, r"http://127\S+token=\w+")
    try:
        yield until(lambda: printed(log.read_text()), "its address", START_S, log.read_text)[0]
    finally:
        end(server)


def load(page: Page, address: str, is_there: str) -> None:
    """
    Load JupyterLab and wait for a condition, again if Chromium has dropped a request meanwhile.

    It does whenever a container starts or ends, because the machine's network changes then. Without
    `reset`, the next load would restore the layout of one that lacked what was dropped.
    """
    from playwright.sync_api import Error

    page.set_default_timeout(PATIENT_MS)
    dropped: list[Request] = []
    addresses = chain([address], repeat(f"{address}&reset"))
    page.on("requestfailed", lambda one: dropped.append(one) if CHANGED in one.failure else None)

    def is_loaded() -> bool:
        dropped.clear()
        try:
            page.goto(next(addresses))
        except Error as error:
            assert CHANGED in str(error)
            return False
        until(lambda: dropped or page.evaluate(is_there), is_there, START_S)
        return not dropped

    until(is_loaded, "a load without a change of the network", PATIENT_MS / 1000)


def test_the_first_notebook_opens_runs_as_committed_and_no_request_leaves_the_machine(
    address: str, browser: Browser, course: Course, tmp_path: Path
) -> None:
    """It opens without the answers to its questions, and then gives the committed ones."""
    outside: list[str] = []

    def note(request: Request) -> None:
        if not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", request.url):
            outside.append(request.url)

    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    page.on("request", note)
    load(page, address, READY)
    page.locator(".jp-RenderedMermaid img").wait_for()
    dialogs = page.locator(".jp-Dialog, .Toastify__toast").count()
    link = page.get_by_role("link", name="the lab").get_attribute("href")
    opened = page.evaluate(CELLS)
    page.screenshot(path=tmp_path / "opened.png")
    page.evaluate(COMMAND, "notebook:run-all-cells")
    page.wait_for_function(RAN, **BY_THE_CLOCK)
    ran = page.evaluate(CELLS)
    page.screenshot(path=tmp_path / "ran.png")
    page.close()
    assert dialogs == 0
    assert link and link.partition("?")[0].endswith("README.md")
    assert [output for cell in opened for output in shown(cell)] == []
    committed = nbformat.read(course.chapters[0].notebook, nbformat.NO_CONVERT)["cells"]
    assert [shown(cell) for cell in ran] == [shown(cell) for cell in committed]
    assert outside == []


def test_jupyterlab_is_dark_where_the_system_is(address: str, browser: Browser) -> None:
    """Without a look into its settings, and from the first picture on."""
    page = browser.new_page(color_scheme="dark")
    load(page, address, "document.body.dataset.jpThemeLight === 'false'")
    page.close()


@pytest.mark.parametrize(("first", "second"), [("light", "dark"), ("dark", "light")])
def test_a_diagram_can_be_read_in_either_theme(
    address: str,
    browser: Browser,
    first: Literal["light", "dark"],
    second: Literal["light", "dark"],
) -> None:
    """JupyterLab draws it once, in the colours of the theme of that moment."""
    page = browser.new_page(color_scheme=first)
    load(page, address, READY)
    diagram = page.locator(".jp-RenderedMermaid img")
    found = {}
    for number, scheme in enumerate((first, second, first)):
        page.emulate_media(color_scheme=scheme)
        is_light = str(scheme == "light").lower()
        page.wait_for_function(
            f"document.body.dataset.jpThemeLight === '{is_light}'", **BY_THE_CLOCK
        )
        ground, text, line = diagram.evaluate(DIAGRAM)
        assert ground.startswith("#"), f"what is behind it shines through: {ground}"
        found[number, scheme] = min(contrast(ground, text), contrast(ground, line))
    page.close()
    assert [] == [where for where, ratio in found.items() if ratio < NEEDED], found


@pytest.mark.parametrize("width", [600, 1280])
def test_a_notebook_has_two_thirds_of_a_narrow_window_too(
    address: str, browser: Browser, width: int
) -> None:
    """The file browser is beside it, closes and opens; in a wide window it is JupyterLab's own."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    load(page, address, READY)
    files = page.get_by_role("listitem", name=re.compile("^Name: 01-first-task.ipynb"))
    files.wait_for()
    opened = page.evaluate(SIDEBAR)
    tab = page.get_by_role("tab", name=re.compile("^File Browser"))
    tab.click()
    files.wait_for(state="hidden")
    tab.click()
    files.wait_for()
    again = page.evaluate(SIDEBAR)
    page.close()
    assert again == opened
    assert opened["notebook"] >= width * 2 / 3, opened
    is_wide = width == 1280
    assert (opened["byTheme"], opened["dates"]) == (is_wide, is_wide)


def shown(cell: dict[str, Any]) -> list[Any]:
    """Return what a learner sees of a cell's outputs; a traceback is longer than the committed."""
    return [
        {key: value for key, value in output.items() if key not in ("traceback", "metadata")}
        for output in cell.get("outputs", [])
    ]
