"""What can go wrong with a proof."""

from __future__ import annotations


class ProofError(Exception):
    """The proof can't be made here. hint: what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
