"""Set up how a notebook shows pictures and errors."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from taskyard.errors import TaskyardError

# Pictures have the same pixels on every machine, because this font comes with matplotlib.
FIGURES: dict[str, Any] = {
    "figure.figsize": (7, 3),
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "font.family": ["DejaVu Sans"],
}

# Without `Software`, the file would contain the version of matplotlib.
SAVED: dict[str, Any] = {"bbox_inches": "tight", "metadata": {"Software": None}}


def set_up_display(folder: Path) -> None:
    """
    Make the pictures of this notebook repeatable and its tracebacks short.

    Args:
        folder: The lab's files, whose frames a traceback keeps.
    """
    if "IPython" not in sys.modules:
        return
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        return
    # On a new machine, matplotlib may report on stderr that it builds its font cache.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    # IPython reads these when a chapter first imports matplotlib, if it ever does.
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
    """Return a traceback without frames of libraries, so that cells and the lab's files remain."""
    if traceback is None:
        return None
    rest = _own_frames(traceback.tb_next, folder)
    file = Path(traceback.tb_frame.f_code.co_filename)
    # ipykernel compiles a cell under the path `…/ipykernel_PID/…`.
    if file.is_relative_to(folder) or file.parent.name.startswith("ipykernel_"):
        return TracebackType(rest, traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno)
    return rest
