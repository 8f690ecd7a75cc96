"""Where a verb keeps and finds the records of fixes: on the target, unless --journal names a directory."""

from __future__ import annotations

from pathlib import Path

from rescue.machine_id import MACHINE_ID_READ, machine_id
from rescue.targets.protocol import Target
from rescue.undo_log import InDirectory, JournalStore


def store_for(directory: str | None, target: Target) -> JournalStore | None:
    """The store that --journal names, for this server's records alone; None for the target's own."""
    if directory is None:
        return None
    # machine-id(5): it stays when the server gets another name, and no fix changes it.
    return InDirectory(Path(directory), machine_id(target.capture([MACHINE_ID_READ])))
