"""Writing to a target: a fix, all or nothing; its recovery after a kill; its undo.

`apply_changes` verifies, writes the undo log, makes the changes and verifies again. Killed at any point, it leaves
every file old or new, and the next run (`recover`, with which every fix and undo begins) finishes or rolls back the
fix. `undo` restores content, mode, owner, extended attributes and modification time, byte for byte, but not the
modification times of the directories around a changed file.
"""

from rescue.apply.errors import (
    ApplyError,
    Conflict,
    JournalError,
    NothingToUndo,
    TargetChanged,
    UndoRefused,
)
from rescue.apply.fix import Applied, apply_changes
from rescue.apply.outcome import Recovered
from rescue.apply.past import Undone, damaged, history, interrupted, recover, undo
from rescue.apply.preview import Undoing, undoing

__all__ = [
    "Applied",
    "ApplyError",
    "Conflict",
    "JournalError",
    "NothingToUndo",
    "Recovered",
    "TargetChanged",
    "UndoRefused",
    "Undoing",
    "Undone",
    "apply_changes",
    "damaged",
    "history",
    "interrupted",
    "recover",
    "undo",
    "undoing",
]
