"""What is wrong with one value, before anybody knows where it stands."""

from __future__ import annotations


class Mistake(ValueError):
    """A text that cannot be read: what is wrong, and the next step as `hint`."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint
