"""A learner's copy of an earlier notebook goes on importing what it imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

import taskyard
from taskyard.files import ROOT


@pytest.mark.parametrize("name", taskyard.MOVED)
def test_an_earlier_name_is_still_found(name: str) -> None:
    """It has the module's own contents, and not a copy."""
    code = f"import taskyard.{name} as old, taskyard.{taskyard.MOVED[name]} as new\n"
    code += "shared = [one for one in dir(new) if not one.startswith('__')]\n"
    code += "assert shared and all(getattr(old, one) is getattr(new, one) for one in shared)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
