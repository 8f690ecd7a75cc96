"""The result of recovering an interrupted fix or of undoing one, and paths as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from rescue.text.safe import safe
from rescue.undo_log import Record, State


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The result of rolling a fix back.

    restored: paths that are as before again. lost: what can't be restored. differs: paths that match neither the state
    before nor the one after, and were not touched. kept: directories of the fix that now hold something else.
    """

    restored: tuple[PurePosixPath, ...] = ()
    lost: tuple[PurePosixPath, ...] = ()
    differs: tuple[PurePosixPath, ...] = ()
    kept: tuple[PurePosixPath, ...] = ()


@dataclass(frozen=True, slots=True)
class Recovered:
    """How one interrupted fix was recovered. record: as it is now. was: STARTED or UNDOING."""

    record: Record
    was: State
    back: TakenBack = field(default_factory=TakenBack)

    @property
    def finished(self) -> bool:
        """True if the fix had made all its changes, and only the record's final state was missing."""
        return self.record.state is State.DONE

    @property
    def differs(self) -> tuple[PurePosixPath, ...]:
        """Paths that were left untouched because somebody else had changed them."""
        return self.back.differs

    @property
    def words(self) -> str:
        """One sentence for the user, without the full stop."""
        what = "undo" if self.was is State.UNDOING else "fix"
        begun = f"An earlier {what} ({self.record.id}) was interrupted"
        if self.finished:
            return f"{begun} after its last change; it is complete"
        if self.was is State.UNDOING:
            return f"{begun}; it is finished now: {self._restored('nothing was left to do')}"
        return f"{begun}; it was rolled back: {self._restored('nothing had been changed yet')}"

    def _restored(self, nothing: str) -> str:
        parts = [f"{named(self.back.restored)} as before"] if self.back.restored else [nothing]
        if self.back.lost:
            parts.append(f"{named(self.back.lost)} can't be restored")
        if self.back.kept:
            parts.append(f"{named(self.back.kept)} was kept, because it is not empty")
        return "; ".join(parts)


def named(paths: Sequence[PurePosixPath], most: int = 5) -> str:
    """The first `most` paths as text that is safe for a terminal."""
    shown = [safe(str(path)) for path in paths[:most]]
    if len(paths) > most:
        return f"{', '.join(shown)} and {len(paths) - most} more"
    return ", ".join(shown)
