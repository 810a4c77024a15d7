"""Which line is shown of a file that has to stay as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskyard.kit.fixed import require_fixed
from taskyard.kit.requirement import Unmet


@pytest.mark.parametrize(
    ("name", "was", "here", "saw"),
    [
        ("tasks.py", "a = 1\nb = 2\n", "# mine\na = 1\n\nb = 3\n", "line 4 is now `b = 3`"),
        ("compose.yaml", "a: 1\n", "# mine\na: 2\n", "line 2 is now `a: 2`"),
        ("ean.c", "#include <a.h>\nint x;\n", "#include <b.h>\nint x;\n", "line 1 is now `#inc"),
        ("tasks.py", "a = 1\nb = 2\n", "a = 1\n", "line 1 is now ``"),
    ],
    ids=("python", "yaml", "a hash that is code", "a line that is gone"),
)
def test_the_first_line_whose_meaning_differs(
    tmp_path: Path, name: str, was: str, here: str, saw: str
) -> None:
    """A note of the learner's is not what is wrong."""
    starter, desk = tmp_path / "labs" / "01-shop" / "starter", tmp_path / "desk"
    for folder, text in ((starter, was), (desk, here)):
        folder.mkdir(parents=True)
        (folder / name).write_text(text)
    with pytest.raises(Unmet) as raised:
        require_fixed(desk, starter, edit=(), handed={})
    assert saw in raised.value.saw
