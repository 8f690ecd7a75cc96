"""Errors of a fix, its record or its undo. All of them exit with status 5."""

from __future__ import annotations

from rescue.errors import RescueError
from rescue.status import Status


class ApplyError(RescueError):
    """A fix or an undo was refused, or failed and was rolled back."""

    status = Status.REFUSED


class JournalError(ApplyError):
    """The undo log can't be read, or holds something that rescue did not write."""
