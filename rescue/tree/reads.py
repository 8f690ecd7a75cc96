"""Capture requests, and the errors for what was not captured or not readable."""

from __future__ import annotations

from dataclasses import dataclass

from rescue.errors import RescueError
from rescue.status import Status

CONTENT_LIMIT = 16 << 20
"""Bytes of one file that a capture reads unless a `Read` says otherwise. Programs have no such limit, but configuration
that people or their tools wrote is smaller: passwd(5) of 200,000 accounts, or 100,000 authorized keys."""

RULES_LIMIT = 64 << 20
"""The same for a file of firewall rules or sets: blocklists are generated, and larger than hand-written files."""


@dataclass(frozen=True, slots=True)
class Read:
    """A request to capture `path`: itself and `depth` levels below it, with or without the files' content.

    `limit` is in bytes: a larger file is captured without its content, and so is one that
    does not fit in memory with the other large ones (see `Tree.unread`).
    """

    path: str
    depth: int = 64
    content: bool = True
    limit: int = CONTENT_LIMIT


class NotCaptured(LookupError):
    """The snapshot does not hold what was requested; `reads` says what to capture before trying again."""

    def __init__(self, *reads: Read) -> None:
        super().__init__(", ".join(read.path for read in reads))
        self.reads = reads


class ReadError(RescueError, OSError):
    """Something exists but could not be read: a damaged disk, missing permissions, a size beyond every limit.

    Its content is unknown, which is neither "absent" nor "empty": nothing may be concluded or repaired from it. The
    look-up itself raises it, so that code that ignores this case gives no answer instead of a wrong one.
    """

    status = Status.TARGET

    def __init__(self, path: str, error: str) -> None:
        if error.startswith("it"):  # its size or its lines: neither root nor another disk would help
            hint = "Check the file by hand, and restore an old version."
        else:
            hint = "Run it as root. If the disk is failing, copy it first (ddrescue), and work on the copy."
        super().__init__(f"{path} could not be read ({error})", hint)
        self.path = path
        self.error = error


def as_wide(one: Read, other: Read) -> bool:
    """True if `one`, of the same path, captures everything that `other` does."""
    return one.depth >= other.depth and one.content >= other.content and one.limit >= other.limit
