"""Where a verb keeps and finds the records of fixes: on the target, unless --journal names a directory."""

from __future__ import annotations

import re
from pathlib import Path

from rescue.targets.protocol import Target
from rescue.tree import Read
from rescue.undo_log import InDirectory, JournalStore

_MACHINE_ID = re.compile(r"[0-9a-f]{32}")


def store_for(directory: str | None, target: Target) -> JournalStore | None:
    """The store that --journal names, for this server's records alone; None for the target's own."""
    if directory is None:
        return None
    # machine-id(5): it stays when the server gets another name, and no fix changes it.
    told = (target.capture([Read("/etc/machine-id", depth=0)]).text_if_read("/etc/machine-id") or "").strip()
    return InDirectory(Path(directory), told if _MACHINE_ID.fullmatch(told) else "")
