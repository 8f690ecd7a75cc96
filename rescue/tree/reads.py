"""What a capture is asked for, and what is said where it was not asked for enough."""

from __future__ import annotations

from dataclasses import dataclass

CONTENT_LIMIT = 16 << 20
"""Bytes of one file that a capture reads unless a `Read` says otherwise. Programs have no such limit, but configuration
that people or their tools wrote is smaller: passwd(5) of 200,000 accounts, or 100,000 authorized keys."""

RULES_LIMIT = 64 << 20
"""The same, of a file of firewall rules or sets: blocklists are generated, and larger than anything written by hand."""


@dataclass(frozen=True, slots=True)
class Read:
    """A request to capture `path`: itself and `depth` levels below it, with or without the files' content.

    `limit` is in bytes: a larger file is captured without its content, and so is one for
    which there is no room beside other large ones (see `Tree.unread`).
    """

    path: str
    depth: int = 64
    content: bool = True
    limit: int = CONTENT_LIMIT


class NotCaptured(LookupError):
    """The snapshot does not hold what was asked for; `reads` says what to capture before asking again."""

    def __init__(self, *reads: Read) -> None:
        super().__init__(", ".join(read.path for read in reads))
        self.reads = reads


class Unread(OSError):
    """Something is there and could not be read: a damaged disk, a lack of rights, a size beyond every limit.

    What it says is unknown, which is neither "absent" nor "empty": nothing may be concluded or repaired from it. It is
    raised by the look-up itself, so that whoever did not think of it gives no answer instead of a wrong one.
    """

    def __init__(self, path: str, error: str) -> None:
        super().__init__(f"{path} could not be read ({error})")
        self.path = path
        self.error = error


def as_wide(one: Read, other: Read) -> bool:
    """True if `one`, of the same path, captures all that `other` does."""
    return one.depth >= other.depth and one.content >= other.content and one.limit >= other.limit
