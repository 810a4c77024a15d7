"""An error in one value, raised where its place in the file is not known."""

from __future__ import annotations


class Mistake(ValueError):
    """A text that cannot be read; its message says what is wrong, and `hint` what to do."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint
