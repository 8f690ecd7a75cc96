"""What goes wrong and is said to the person: one message, what to do next, and the exit status it owns.

The command line tells every error made of `RescueError` as it is, so that a new room's error is right by being made:
derive it, and name another status where it is not the tool itself that failed.
"""

from __future__ import annotations

from rescue.status import Status


class RescueError(Exception):
    """Something can't be done. message: what and why; hint: what to do next, "" for nothing."""

    status = Status.FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(RescueError):
    """The command line can't be understood, or names something that can't be."""

    status = Status.USAGE
