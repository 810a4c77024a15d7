"""What is left of a process that a test has ended."""

from __future__ import annotations

import subprocess


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for does not."""
    process = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return process.stdout.strip()[:1] not in ("", "Z")
