"""The repair of a required fstab line that can't be mounted: nofail, so that the server starts without it. Pure."""

from __future__ import annotations

from functools import partial

from rescue.boot.fstab import FSTAB, FstabLine, with_option
from rescue.model import Repair, Safety, Symptom
from rescue.services.units import Units
from rescue.tree import Tree


def emergency_symptom(units: Units) -> Symptom:
    """The symptom of emergency mode: only systemd-networkd does not wait for the file systems."""
    return Symptom.REFUSED if units.unit("systemd-networkd.service").started else Symptom.UNREACHABLE


def without_it(line: FstabLine) -> Repair:
    """Let the server start without the mount; for /usr that is no help."""
    if line.point == "/usr":
        return Repair(
            f"name the right device for {line.point} in {FSTAB}",
            Safety.MANUAL,
            steps="`blkid` lists the devices. A server does not start without /usr, so nofail does not help.",
        )
    lasting = (
        f"services no longer wait for {line.point}; what they write while it is missing goes to the root "
        "file system, and is hidden once it is mounted again"
    )
    needed = line.point == "/var" or line.point.startswith("/var/")
    return Repair(
        f"let the server start without {line.point}: add nofail in {FSTAB}",
        Safety.UNSAFE if needed else Safety.SAFE,
        partial(_made_dispensable, number=line.number),
        weakens=lasting if needed else "",
        steps="" if needed else f"{lasting[0].upper()}{lasting[1:]}.",
    )


def _made_dispensable(tree: Tree, number: int) -> Tree:
    return tree.write(FSTAB, with_option(tree.text(FSTAB) or "", number, "nofail"))
