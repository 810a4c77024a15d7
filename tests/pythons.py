"""Other Pythons of this machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


def other_pythons() -> Iterator[tuple[str, str]]:
    """Find Pythons of other minor versions on PATH, and beside the one that runs this."""
    for minor in {11, 12, 13} - {sys.version_info.minor}:
        beside = Path(sys.base_prefix).parent.glob(f"*/bin/python3.{minor}")
        for python in filter(None, [shutil.which(f"python3.{minor}"), *map(str, sorted(beside))]):
            says = subprocess.run([python, "-c", "print('runs')"], capture_output=True, text=True)
            if says.stdout == "runs\n":  # a version manager's shim may lead nowhere
                yield f"3.{minor}", python
