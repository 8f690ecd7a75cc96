"""What came of ending an interrupted fix, or of taking one back; and paths as words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from rescue.text.safe import safe
from rescue.undo_log import Record, State


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What came of taking a fix back.

    restored: paths that are again as before. lost: what can't be brought back. differs: paths that are neither as
    before nor as after, which were not touched. kept: directories of the fix that hold something else by now.
    """

    restored: tuple[PurePosixPath, ...] = ()
    lost: tuple[PurePosixPath, ...] = ()
    differs: tuple[PurePosixPath, ...] = ()
    kept: tuple[PurePosixPath, ...] = ()


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was done with one interrupted fix. record: as it is now. was: STARTED or UNDOING."""

    record: Record
    was: State
    back: TakenBack = field(default_factory=TakenBack)

    @property
    def finished(self) -> bool:
        """True if the fix had made all its changes, and only the record's last word was missing."""
        return self.record.state is State.DONE

    @property
    def differs(self) -> tuple[PurePosixPath, ...]:
        """Paths that were left untouched, as somebody else changed them."""
        return self.back.differs

    @property
    def words(self) -> str:
        """One sentence for people, without its full stop."""
        what = "undo" if self.was is State.UNDOING else "fix"
        begun = f"An earlier {what} ({self.record.id}) was interrupted"
        if self.finished:
            return f"{begun} after its last change; it is complete"
        if self.was is State.UNDOING:
            return f"{begun}; it is finished now: {self._restored('nothing was left to do')}"
        return f"{begun}; it was taken back: {self._restored('nothing had been changed yet')}"

    def _restored(self, nothing: str) -> str:
        parts = [f"{named(self.back.restored)} as before"] if self.back.restored else [nothing]
        if self.back.lost:
            parts.append(f"{named(self.back.lost)} can't be brought back")
        if self.back.kept:
            parts.append(f"{named(self.back.kept)} stays, as it is not empty")
        return "; ".join(parts)


def named(paths: Sequence[PurePosixPath], most: int = 5) -> str:
    """The paths as words: safe for a terminal, the first `most` of them."""
    shown = [safe(str(path)) for path in paths[:most]]
    if len(paths) > most:
        return f"{', '.join(shown)} and {len(paths) - most} more"
    return ", ".join(shown)
