"""Where a verb keeps and finds the records of fixes: on the target, unless --journal names a directory."""

from __future__ import annotations

from pathlib import Path

from rescue.journal import InDirectory, JournalStore


def store_for(directory: str | None) -> JournalStore | None:
    """The store that --journal names; None for the target's own."""
    return None if directory is None else InDirectory(Path(directory))
