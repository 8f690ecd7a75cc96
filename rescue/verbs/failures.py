"""What a person is told of a failure: one message, what to do next, the documented exit status."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from rescue.apply import ApplyError
from rescue.kernel_check import ProofError
from rescue.labs.errors import LabError
from rescue.status import Status
from rescue.targets.protocol import NoSpace, TargetBusy, TargetError, TargetUnsafe
from rescue.tree import Unread
from rescue.ui.prompts import Cancelled, NobodyToAsk
from rescue.ui.streams import OutputFailed
from rescue.verbs.request.session import UsageError


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
    if isinstance(problem, UsageError):
        return Failure(str(problem), problem.hint, Status.USAGE)
    if isinstance(problem, Cancelled):
        return Failure("cancelled; nothing was changed", "", Status.CANCELLED)
    if isinstance(problem, OutputFailed):
        return Failure(
            f"the output can't be written: {problem.strerror}",
            "What it was to say is lost. What a fix has written stays written: rescue history lists it.",
            Status.FAILED,
        )
    if isinstance(problem, NobodyToAsk):
        return Failure(
            "there is no terminal to ask on",
            "Add --yes to take every safe repair, or --dry-run to see the changes.",
            Status.USAGE,
        )
    if isinstance(problem, (TargetBusy, TargetUnsafe, ApplyError)):
        return Failure(str(problem), problem.hint, Status.REFUSED)
    if isinstance(problem, NoSpace):
        return Failure(str(problem), problem.hint or "Keep the record elsewhere with --journal DIR.", Status.REFUSED)
    if isinstance(problem, TargetError):
        return Failure(str(problem), problem.hint, Status.TARGET)
    if isinstance(problem, ProofError):
        return Failure(str(problem), problem.hint, Status.FAILED)
    if isinstance(problem, LabError):
        return Failure(str(problem), problem.hint, Status.FAILED)
    if isinstance(problem, Unread):
        hint = "Run it as root. If the disk fails, copy it first (ddrescue), and work with the copy."
        if problem.error.startswith("it"):  # its size, its lines: nothing that another user or disk would change
            hint = "Look at the file by hand, and put an old version back."
        return Failure(str(problem), hint, Status.TARGET)
    if isinstance(problem, OSError):
        named = f"{problem.filename}: " if problem.filename else ""
        hint = _HINTS.get(problem.errno or 0, "Run it again with --verbose for the details.")
        return Failure(f"{named}{problem.strerror or problem}", hint, Status.FAILED)
    return Failure(
        f"this is a fault of rescue itself: {type(problem).__name__}: {problem}",
        "Nothing more was done. Run it again with --verbose for the details, and please report them.",
        Status.FAILED,
    )
