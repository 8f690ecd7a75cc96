"""What can go wrong with a proof."""

from __future__ import annotations

from rescue.errors import RescueError


class ProofError(RescueError):
    """The proof can't be made here."""
