"""What is said where the command line names something that can't be."""

from __future__ import annotations


class UsageError(Exception):
    """The command line names something that can't be. Exit status 2."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
