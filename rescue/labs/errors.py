"""What goes wrong in the labs, said to the person who practises."""

from __future__ import annotations

from rescue.errors import RescueError


class LabError(RescueError):
    """A step of a lab can't be done; `hint` says what to do next."""
