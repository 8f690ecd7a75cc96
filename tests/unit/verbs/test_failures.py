"""What goes wrong anywhere is told with the message, the hint and the exit status of its own class."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from rescue.errors import RescueError, UsageError
from rescue.kernel_check.errors import ProofError
from rescue.labs.lessons.lab import NoLab
from rescue.status import Status
from rescue.targets.protocol import NoSpace, OnlyKernel, TargetBusy, TargetError, TargetUnsafe
from rescue.tree import ReadError
from rescue.ui.prompts import Cancellation, NobodyToAsk
from rescue.ui.streams import OutputError
from rescue.undo_log import ApplyError, JournalError
from rescue.verbs.failures import Failure, failure

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (UsageError, Status.USAGE),
        (TargetError, Status.TARGET),
        (TargetBusy, Status.REFUSED),
        (TargetUnsafe, Status.REFUSED),
        (NoSpace, Status.REFUSED),
        (ApplyError, Status.REFUSED),
        (JournalError, Status.REFUSED),
        (ProofError, Status.FAILED),
        (NoLab, Status.FAILED),
    ],
)
def test_each_is_told_as_it_was_made(kind: type[RescueError], status: Status) -> None:
    assert failure(kind("it does not work", "Do this.")) == Failure("it does not work", "Do this.", status)


@pytest.mark.parametrize(
    ("problem", "message", "status"),
    [
        (Cancellation(), "cancelled; nothing was changed", Status.CANCELLED),
        (NobodyToAsk("Which?"), "there is no terminal to ask on", Status.USAGE),
        (OnlyKernel("a.img"), "a.img is an image, and libguestfs, which reads images in isolation, is not installed",
         Status.REFUSED),
        (ReadError("/etc/passwd", "input/output error"), "/etc/passwd could not be read (input/output error)",
         Status.TARGET),
        (OutputError(errno.ENOSPC, "No space left on device"),
         "the output can't be written: No space left on device", Status.FAILED),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "x"), "x: No such file or directory",
         Status.FAILED),
        (KeyError("x"), "this is a fault of rescue itself: KeyError: 'x'", Status.FAILED),
    ],
)  # fmt: skip
def test_those_that_know_their_own_words(problem: Exception, message: str, status: Status) -> None:
    told = failure(problem)
    assert told.message.startswith(message)
    assert told.status is status


def test_a_full_target_has_a_hint_of_its_own() -> None:
    assert failure(NoSpace("no room to write /x")).hint == "Keep the undo log elsewhere with --undo-log DIR."


def test_what_no_other_user_could_read_either_is_looked_at_by_hand() -> None:
    assert "by hand" in failure(ReadError("/etc/passwd", "it has 9,999,999 bytes")).hint
    assert "as root" in failure(ReadError("/etc/passwd", "input/output error")).hint


def test_an_output_that_fails_is_still_an_error_of_the_system() -> None:
    problem = OutputError(errno.ENOSPC, "No space left on device")
    assert isinstance(problem, OSError)
    assert (problem.errno, problem.strerror) == (errno.ENOSPC, "No space left on device")


def test_every_error_of_a_room_for_people_is_one_of_ours() -> None:
    """One that has a hint and is no RescueError would be told as a fault of rescue itself."""
    here = Path(__file__).resolve().parents[3] / "rescue"
    own = [
        path
        for path in here.rglob("*.py")
        if path.name != "errors.py" and "self.hint = " in path.read_text(encoding="utf-8")
    ]
    assert own == []
