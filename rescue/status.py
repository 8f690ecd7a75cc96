"""The exit status, the same for every verb. A script treats one that it does not know as a failure."""

from enum import IntEnum


class Status(IntEnum):
    """What a run of the program says to its caller."""

    CLEAR = 0
    """The path is clear, or was made clear and verified; what was asked for is done."""
    FAILED = 1
    """The tool itself failed."""
    USAGE = 2
    """The command line can't be understood."""
    BROKEN = 3
    """Something is still broken or doubtful, or something that decides was not judged."""
    TARGET = 4
    """The target can't be opened or read."""
    REFUSED = 5
    """Refused as unsafe, or a repair failed and was rolled back."""
    CANCELLED = 130
    """The person cancelled (Ctrl-C)."""
