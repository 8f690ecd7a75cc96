"""What can go wrong with a fix, its record or its undo. Every one of them owns exit status 5."""

from __future__ import annotations


class ApplyError(Exception):
    """A fix or an undo was refused, or failed and was taken back. `hint` says what to do next. Exit status 5."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class JournalError(ApplyError):
    """The journal can't be read, or holds what no fix of ours wrote."""
