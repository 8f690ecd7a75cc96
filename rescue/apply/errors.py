"""Errors of a fix or an undo. All of them exit with status 5."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from rescue.apply.outcome import Recovered, named
from rescue.text.safe import safe
from rescue.undo_log import ApplyError, JournalError

__all__ = [
    "ApplyError",
    "Conflict",
    "JournalError",
    "NothingToUndo",
    "TargetChanged",
    "UndoRefused",
    "reason",
]


class TargetChanged(ApplyError):
    """The target no longer matches the snapshot; nothing was written.

    recovered: what the recovery of an earlier fix just did, which may be the reason.
    """

    def __init__(self, paths: Sequence[PurePosixPath], recovered: Sequence[Recovered] = ()) -> None:
        reasons = [f"{each.words}." for each in recovered]
        reasons.append(f"{named(paths)} changed since the check; nothing was written")
        super().__init__(" ".join(reasons), "Run the same command again: it checks the disk again.")
        self.paths = tuple(paths)
        self.recovered = tuple(recovered)


class Conflict(ApplyError):
    """An interrupted fix was rolled back, except for paths that somebody else has changed since."""

    def __init__(self, recovered: Sequence[Recovered]) -> None:
        paths = [path for each in recovered for path in each.differs]
        super().__init__(
            " ".join(f"{each.words}." for each in recovered)
            + f" {named(paths)} {'matches' if len(paths) == 1 else 'match'} neither the state before that fix nor the"
            " one after it: not touched",
            "Look at it: the old content is in before/ of the fix's folder in the undo log. Then run rescue again.",
        )
        self.recovered = tuple(recovered)
        self.paths = tuple(paths)


class UndoRefused(ApplyError):
    """The files are not as the fix left them; nothing was written.

    gone: the paths are directories that no longer exist, and that old files would have to go back into.
    """

    def __init__(
        self, fix_id: str, paths: Sequence[PurePosixPath], later: Sequence[str], *, gone: bool = False
    ) -> None:
        hint = (
            f"Undo the later fix first: {later[-1]}."
            if later
            else ("The old content is in before/ of the fix's folder in the undo log: compare it by hand.")
        )
        why = f"{named(paths)} changed since, and that change would be lost"
        if gone:
            why = f"the directory of the old files no longer exists: {named(paths)}"
            hint = f"Create it again, then undo again: mkdir {named(paths[:1])}"
        super().__init__(f"the fix of {fix_id} can't be undone: {why}; nothing was written", hint)
        self.paths = tuple(paths)


class NothingToUndo(ApplyError):
    """There is no fix to undo, or the one named is already undone."""


def reason(problem: BaseException) -> str:
    """The error as text; for a failed system call, without its number."""
    if isinstance(problem, OSError) and problem.strerror:
        return f"{safe(str(problem.filename))}: {problem.strerror}" if problem.filename else problem.strerror
    return str(problem)
