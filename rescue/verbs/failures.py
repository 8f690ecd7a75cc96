"""What a person is told of a failure: one message, what to do next, the documented exit status."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from rescue.errors import RescueError
from rescue.status import Status


@dataclass(frozen=True, slots=True)
class Failure:
    """The words and the status."""

    message: str
    hint: str
    status: Status


_HINTS = {
    errno.EACCES: "Try it as root (sudo).",
    errno.EPERM: "Try it as root (sudo).",
    errno.ENOSPC: "This machine's disk is full: make room on it, and run the same command again.",
}


def failure(problem: Exception) -> Failure:
    """What to say of `problem`."""
    if isinstance(problem, RescueError):
        return Failure(problem.message, problem.hint, problem.status)
    if isinstance(problem, OSError):
        named = f"{problem.filename}: " if problem.filename else ""
        hint = _HINTS.get(problem.errno or 0, "Run it again with --verbose for the details.")
        return Failure(f"{named}{problem.strerror or problem}", hint, Status.FAILED)
    return Failure(
        f"this is a fault of rescue itself: {type(problem).__name__}: {problem}",
        "Nothing more was done. Run it again with --verbose for the details, and please report them.",
        Status.FAILED,
    )
