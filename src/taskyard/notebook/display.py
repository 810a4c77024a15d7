"""How a notebook shows pictures and errors."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from taskyard.errors import TaskyardError

# The same pixels on every machine: the font comes with matplotlib.
FIGURES: dict[str, Any] = {
    "figure.figsize": (7, 3),
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "font.family": ["DejaVu Sans"],
}

# Otherwise the picture contains the version of matplotlib.
SAVED: dict[str, Any] = {"bbox_inches": "tight", "metadata": {"Software": None}}


def set_up_display(folder: Path) -> None:
    """Make pictures repeatable and tracebacks short; outside a notebook there is nothing to do."""
    if "IPython" not in sys.modules:
        return
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        return
    # On a new machine, it sometimes says on stderr that it is building its cache.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    # Read when matplotlib is first imported, so that a chapter without pictures need not import it.
    shell.config.InlineBackend.rc = FIGURES
    shell.config.InlineBackend.print_figure_kwargs = SAVED
    if "matplotlib_inline" in sys.modules:
        import matplotlib
        from matplotlib_inline.config import InlineBackend

        settings: Any = matplotlib.rcParams
        settings.update(FIGURES)
        InlineBackend.instance(parent=shell).print_figure_kwargs = SAVED

    def show_short(
        shell: Any,
        kind: type[BaseException],
        value: BaseException,
        traceback: TracebackType,
        tb_offset: int | None = None,
    ) -> None:
        own = None if isinstance(value, TaskyardError) else _own_frames(traceback, folder)
        shell.showtraceback((kind, value, own), tb_offset=0)

    shell.InteractiveTB.set_mode("Plain")
    shell.set_custom_exc((Exception,), show_short)


def _own_frames(traceback: TracebackType | None, folder: Path) -> TracebackType | None:
    """Leave out the frames of libraries: what remains is the cell's code and the lab's files."""
    if traceback is None:
        return None
    rest = _own_frames(traceback.tb_next, folder)
    file = Path(traceback.tb_frame.f_code.co_filename)
    # ipykernel compiles a cell under a path that contains the process id.
    if file.is_relative_to(folder) or file.parent.name.startswith("ipykernel_"):
        return TracebackType(rest, traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno)
    return rest
