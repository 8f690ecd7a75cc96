"""What can go wrong with a fix, its record or its undo. Every one of them owns exit status 5."""

from __future__ import annotations

from rescue.errors import RescueError
from rescue.status import Status


class ApplyError(RescueError):
    """A fix or an undo was refused, or failed and was taken back."""

    status = Status.REFUSED


class JournalError(ApplyError):
    """The journal can't be read, or holds what no fix of ours wrote."""
