"""What goes wrong on the way to the other side."""

from __future__ import annotations

from rescue.errors import RescueError
from rescue.status import Status


class ViaError(RescueError):
    """The other side can't be reached, or can't run the program."""

    status = Status.TARGET
