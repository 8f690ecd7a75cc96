"""What stops firewalld, and what this program can't model."""

from __future__ import annotations

from rescue.model import Location


class FirewalldError(ValueError):
    """firewalld rejects this."""

    def __init__(self, message: str, at: Location) -> None:
        super().__init__(message)
        self.at = at


class FirewalldNotModelled(ValueError):
    """firewalld's behaviour for this is not known here."""

    def __init__(self, message: str, at: Location) -> None:
        super().__init__(message)
        self.at = at
