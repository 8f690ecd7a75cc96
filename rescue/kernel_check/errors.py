"""Errors of a kernel check."""

from __future__ import annotations

from rescue.errors import RescueError


class ProofError(RescueError):
    """The check can't be run here."""
