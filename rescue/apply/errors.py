"""Why a fix or an undo did not come about. All of them are exit status 5."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rescue.text.safe import safe
from rescue.undo_log import ApplyError, JournalError

if TYPE_CHECKING:
    from rescue.apply.recovery import Recovered

__all__ = [
    "ApplyError",
    "Conflict",
    "JournalError",
    "NothingToUndo",
    "TargetChanged",
    "UndoRefused",
    "named",
    "reason",
]


class TargetChanged(ApplyError):
    """What is on the target is no longer what the snapshot shows; nothing was written.

    recovered: what an earlier fix's recovery did just before, which may be the very reason.
    """

    def __init__(self, paths: Sequence[PurePosixPath], recovered: Sequence[Recovered] = ()) -> None:
        reasons = [f"{each.words}." for each in recovered]
        reasons.append(f"Since the inspection, {named(paths)} changed; nothing was written")
        super().__init__(" ".join(reasons), "Run the same command again: it inspects anew.")
        self.paths = tuple(paths)
        self.recovered = tuple(recovered)


class Conflict(ApplyError):
    """An interrupted fix was taken back, but for paths that somebody else changed since."""

    def __init__(self, recovered: Sequence[Recovered]) -> None:
        paths = [path for each in recovered for path in each.differs]
        super().__init__(
            " ".join(f"{each.words}." for each in recovered)
            + f" {named(paths)} {'is' if len(paths) == 1 else 'are'} neither as before that fix nor as it would have"
            " been left, and was not touched",
            "Look at it: the old content is in the fix's folder of the journal, before/. Then run rescue again.",
        )
        self.recovered = tuple(recovered)
        self.paths = tuple(paths)


class UndoRefused(ApplyError):
    """The present state is not what the fix left; nothing was written.

    gone: the paths are directories that something would have to be put back into, and that are no longer there.
    """

    def __init__(
        self, fix_id: str, paths: Sequence[PurePosixPath], later: Sequence[str], *, gone: bool = False
    ) -> None:
        hint = (
            f"Undo the later fix first: {later[-1]}."
            if later
            else ("The old content is in the fix's folder of the journal, before/: compare it by hand.")
        )
        why = f"{named(paths)} changed since, and that change would be lost"
        if gone:
            why = f"there is no directory {named(paths)} any more to put the old files back into"
            hint = f"Make it again, and undo again: mkdir {named(paths[:1])}"
        super().__init__(f"the fix of {fix_id} can't be undone: {why}; nothing was written", hint)
        self.paths = tuple(paths)


class NothingToUndo(ApplyError):
    """No fix is left to be undone, or the one named was already."""


def reason(problem: BaseException) -> str:
    """What went wrong, in words: of a system call without its number."""
    if isinstance(problem, OSError) and problem.strerror:
        return f"{safe(str(problem.filename))}: {problem.strerror}" if problem.filename else problem.strerror
    return str(problem)


def named(paths: Sequence[PurePosixPath], most: int = 5) -> str:
    """The paths as words: safe for a terminal, the first `most` of them."""
    shown = [safe(str(path)) for path in paths[:most]]
    if len(paths) > most:
        return f"{', '.join(shown)} and {len(paths) - most} more"
    return ", ".join(shown)
