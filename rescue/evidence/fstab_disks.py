"""Whether the disks that /etc/fstab requires are present.

Decides: every line in /etc/fstab without nofail or noauto, except for network file systems and swap. If one of their
disks is missing, the boot stops in emergency mode.

Not judged: in a directory that is not itself a mounted disk, and in a support bundle of one, because nothing shows
which disks the server has. Volumes and arrays (/dev/mapper/..., /dev/md...) are created at boot, and are never judged.

Supply: check the disk itself (`rescue disks` lists them), or the running server (`rescue inspect /`).
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.boot.fstab import FSTAB, FstabLine, read_fstab
from rescue.facts import Facts
from rescue.model import Gap, Step
from rescue.services.units import UNIT_READS
from rescue.tree import Read

STEP = Step.BOOT
READS = (Read(FSTAB, depth=0), *UNIT_READS)

SHOWN = 3


def find(facts: Facts) -> Iterator[Gap]:
    if facts.units.manager != "systemd":
        return
    lines = [line for line in read_fstab(facts.tree.text(FSTAB) or "") if line.required and line.names_device]
    known = facts.tree.devices is not None
    unseen = [line for line in lines if not known or line.made_at_boot]
    if unseen:
        supply = "watch the provider's console" if known else "check the disk itself: rescue inspect /dev/..."
        yield Gap("fstab-disks", STEP, _what(unseen), supply, locations=tuple(line.location for line in unseen[:SHOWN]))


def _what(lines: list[FstabLine]) -> str:
    shown = ", ".join(f"{line.source} for {line.point}" for line in lines[:SHOWN])
    more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    disks = "disks exist that" if len(lines) > 1 else "disk exists that"
    return f"whether the {disks} {FSTAB} requires ({shown}{more})"
