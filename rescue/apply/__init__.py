"""Writing to a target: a fix, all or nothing; its recovery after a kill; its undo.

`apply_changes` verifies, journals, writes, verifies again. Killed at any point, it leaves every file old or new, and
the next run (`recover`, which every fix and undo begins with) finishes it or takes it back. `undo` gives back what
was there: content, mode, owner, extended attributes, modification time, byte for byte. The modification times of the
directories around a changed file are not part of that.
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
