"""Files that decide about the login could not be read: the disk fails, or you may not read them.

Symptom: whatever the files say; it can't be told from here.

Cause: a disk with read errors ("Input/output error"), a damaged file system ("Structure needs cleaning"), or an
inspection that was not started as root ("Permission denied").

Repair: none is made, and nothing is concluded from what was not read. A disk with read errors should be copied before
anything else is done with it (`ddrescue`), and the copy be inspected. A damaged file system is repaired, unmounted, by
`fsck`, better on a copy as well. Where you may not read the files, run the same command as root.

See: ddrescue(1), fsck(8), errno(3).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Read

STEP = Step.DISK
READS: tuple[Read, ...] = ()

SHOWN = 3
COPY = Repair(
    "copy the disk before anything else, and work with the copy",
    Safety.MANUAL,
    steps="ddrescue /dev/DISK copy.img copy.map\nrescue inspect copy.img",
)
CHECK = Repair(
    "check the file system while it is not mounted, better on a copy", Safety.MANUAL, steps="fsck -f /dev/DISK"
)
AS_ROOT = Repair("run the same command as root (sudo)", Safety.MANUAL)
LOOK = Repair("look at them by hand", Safety.MANUAL)
REPAIRS = {
    "Input/output error": COPY,
    "Structure needs cleaning": CHECK,
    "Bad message": CHECK,
    "Permission denied": AS_ROOT,
    "Operation not permitted": AS_ROOT,
}
"""By what strerror(3) says: EIO, EUCLEAN, EBADMSG, EACCES, EPERM."""


def find(facts: Facts) -> Iterator[Finding]:
    """One finding for each kind of error."""
    by_error: dict[str, list[PurePosixPath]] = {}
    for path, error in facts.tree.errors:
        by_error.setdefault(error, []).append(path)
    for error, paths in by_error.items():
        more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
        yield Finding(
            check="file-unreadable",
            step=STEP,
            severity=Severity.DOUBTFUL,
            message=f"{', '.join(str(path) for path in paths[:SHOWN])}{more} could not be read: {error}.",
            # What you may not read is no fault of the server's: nothing is known of what the outside sees.
            symptom=Symptom.OK if REPAIRS.get(error) is AS_ROOT else Symptom.HANGS,
            locations=tuple(Location(path) for path in paths),
            repairs=(REPAIRS.get(error, LOOK),),
            subject=error,
            reason="what the files say is not known, so neither is what it keeps you from",
        )
