"""What goes wrong in the labs, said to the person who practises."""

from __future__ import annotations


class LabError(Exception):
    """A step of a lab can't be done; `hint` says what to do next."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
