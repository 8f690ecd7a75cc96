"""What stops firewalld, and what stops us."""

from __future__ import annotations

from rescue.model import Location


class FirewalldError(ValueError):
    """firewalld does not take this."""

    def __init__(self, message: str, at: Location) -> None:
        super().__init__(message)
        self.at = at


class FirewalldNotModelled(ValueError):
    """What firewalld makes of this is not known here."""

    def __init__(self, message: str, at: Location) -> None:
        super().__init__(message)
        self.at = at
