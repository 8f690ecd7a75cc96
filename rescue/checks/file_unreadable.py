"""Files that decide about the login can't be read.

Symptom: depends on what the files say, which is not known.

Cause: a disk with read errors ("Input/output error"), a damaged file system ("Structure needs cleaning"), or rescue was
not run as root ("Permission denied").

Repair: none; rescue concludes nothing from files that it could not read. Copy a disk with read errors before doing
anything else with it (`ddrescue`), and check the copy. Repair a damaged file system with `fsck` while it is unmounted,
also better on a copy. If you lack permission, run the same command as root.

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
    "copy the disk first, and work on the copy",
    Safety.MANUAL,
    steps="ddrescue /dev/DISK copy.img copy.map\nrescue inspect copy.img",
)
CHECK = Repair(
    "check the file system while it is unmounted, better on a copy", Safety.MANUAL, steps="fsck -f /dev/DISK"
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
"""By the text of strerror(3): EIO, EUCLEAN, EBADMSG, EACCES, EPERM."""


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
            # Missing permission is not the server's fault: nothing is known about the symptom.
            symptom=Symptom.OK if REPAIRS.get(error) is AS_ROOT else Symptom.HANGS,
            locations=tuple(Location(path) for path in paths),
            repairs=(REPAIRS.get(error, LOOK),),
            subject=error,
            reason="what the files say, and so what they block, is not known",
        )
