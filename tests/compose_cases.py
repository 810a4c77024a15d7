"""The Compose files in `tests/compose/`, and what they are read with."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

FOLDER = Path(__file__).parent / "compose" / "files"
GOOD = sorted(FOLDER.glob("*.yaml"))
BAD = sorted((FOLDER / "bad").glob("*.yaml"))

ENVIRON = {
    "PATH": os.environ["PATH"],
    "HOME": os.environ["HOME"],
    "SHELL_ONLY": "shell",
    "BOTH": "from-shell",
    "EMPTY": "",
}


def lay_out(case: Path, into: Path) -> Path:
    """
    Copy a case and the files of the folder of the same name; `dot.env` becomes `.env`.

    Returns:
        The Compose file.
    """
    beside = case.with_suffix("")
    if beside.is_dir():
        shutil.copytree(beside, into, dirs_exist_ok=True)
    if (into / "dot.env").exists():
        (into / "dot.env").rename(into / ".env")
    return Path(shutil.copy(case, into / "compose.yaml"))
