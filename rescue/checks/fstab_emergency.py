"""A file system that /etc/fstab requires does not come, and the boot stops in emergency mode.

Symptom: "Connection refused" where systemd-networkd configures the network, which it does early; with ifupdown or
NetworkManager nothing answers, not even a ping ("No route to host", "Connection timed out"). The provider's console
shows "You are in emergency mode", or "Cannot open access to console, the root account is locked".

Cause: a line of /etc/fstab names a disk that is not there: a volume that was detached or deleted, a partition that was
formatted again (its UUID is another one then), a device that has another name now. systemd waits for it for a minute
and a half. Then local-fs.target fails, and with it the boot: no SSH server, and mostly no network. A line with the
wrong file system type, or a bind mount of a directory that is gone, does the same. Lines with nofail or noauto, network
file systems and swap don't.

A required line may also stand on an optional one: a bind mount, a loop file or an overlay of something on a disk that
has nofail, a mount point that lies on such a disk, x-systemd.requires=. systemd fails the required one where the
optional one does not come.

On a disk that is looked at from another system, a volume can be missing only because it was not attached there: then
this is a doubt and not a certainty, and says so.

Repair: the one line gets the option nofail, so that the server starts without that file system, and mounts it if it
comes. The line stays, and so does everything else. For /var and what is below it that is left to you to agree to, and
for /usr to do: a server has no use for a start without them.

See: systemd.mount(5), systemd-fstab-generator(8), fstab(5), bootup(7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.boot.fstab import FSTAB, FstabLine, holding, read_fstab, with_option
from rescue.facts import Facts
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.services.units import UNIT_READS, Units
from rescue.tree import Device, Devices, Read, Tree

STEP = Step.BOOT
READS = (Read(FSTAB, depth=0), *UNIT_READS)

ELSEWHERE = "it may be on a disk of the server that is not attached here: then this line is right, and stays as it is"

EXT = frozenset({"ext2", "ext3", "ext4"})
KNOWN_TYPES = EXT | {"btrfs", "f2fs", "swap", "vfat", "xfs"}
"""Types that are told for certain from what is on the device."""

DEEPEST = 8
"""Lines that stand on one another, as far as they are followed."""


def find(facts: Facts) -> Iterator[Finding]:
    if facts.units.manager != "systemd":
        return
    lines = counted(read_fstab(facts.tree.text(FSTAB) or ""))
    for line in lines:
        if line.required and (problem := _problem(facts.tree, line, lines, ())) is not None:
            yield _finding(line, *problem, _symptom(facts.units))


def counted(lines: tuple[FstabLine, ...]) -> tuple[FstabLine, ...]:
    """Of two lines for one place the first."""
    found: dict[str, FstabLine] = {}
    for line in lines:
        if line.mounts:
            found.setdefault(line.point, line)
    return tuple(found.values())


def _problem(
    tree: Tree, line: FstabLine, lines: tuple[FstabLine, ...], seen: tuple[str, ...]
) -> tuple[str, str] | None:
    """What is wrong with a line's source or with what it stands on, and why that is a doubt (empty if it is none)."""
    if line.names_device and (problem := _device_problem(line, tree.devices)) is not None:
        return problem
    if len(seen) >= DEEPEST or line.point in seen:
        return None
    for path in line.stands_on:
        base = holding([each for each in lines if each is not line], PurePosixPath(path))
        if base is not None:
            below = _problem(tree, base, lines, (*seen, line.point))
            if below is not None:
                return f"{path}, for which {base.point} has to be mounted from {below[0]}", below[1]
        elif path in line.holds and (line.type == "overlay" or line.has("bind", "rbind", "loop")):
            tree.require(Read(path, depth=0, content=False))
            if tree.entry(path) is None:
                return f"{path}, which does not exist", ""
    return None


def _device_problem(line: FstabLine, devices: Devices | None) -> tuple[str, str] | None:
    kind, value = line.tag
    if devices is None or line.made_at_boot:
        return None
    named = [device for device in devices.found if _is(device, kind, value) or _is_partition(device, value)]
    if not named:
        what = f"{line.source}, which is not there" if devices.complete else f"{line.source}, which no disk here has"
        return what, "" if devices.complete else ELSEWHERE
    types = {device.type for device in named if device.type in KNOWN_TYPES}
    if types and line.type in KNOWN_TYPES and not any(_same_type(line.type, each) for each in types):
        return f"{line.source} as {line.type}, and it is {' or '.join(sorted(types))}", ""
    return None


def _is(device: Device, kind: str, value: str) -> bool:
    if not kind:
        return device.name == value
    told = {"UUID": device.uuid, "LABEL": device.label, "PARTUUID": device.partuuid, "PARTLABEL": device.partlabel}
    return bool(value) and told[kind].lower() == value.lower()


def _is_partition(device: Device, name: str) -> bool:
    """Whether `name` is that of a partition on a server's first disk, and that is this one."""
    found = re.fullmatch(r"/dev/(?:[hsv]da|xvda|(?:nvme0n1|mmcblk0)p)(\d+)", name)
    return found is not None and device.number == int(found[1])


def _same_type(one: str, other: str) -> bool:
    return one == other or (one in EXT and other in EXT)


def _symptom(units: Units) -> Symptom:
    """What the outside sees of an emergency mode: systemd-networkd alone does not wait for the file systems."""
    return Symptom.REFUSED if units.unit("systemd-networkd.service").started else Symptom.UNREACHABLE


def _finding(line: FstabLine, what: str, doubt: str, symptom: Symptom) -> Finding:
    return Finding(
        check="fstab-emergency",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=(
            f"{FSTAB} requires for {line.point} {what}. Without it the boot waits 90 seconds, and stops in emergency "
            "mode, without SSH."
        ),
        symptom=symptom,
        locations=(line.location,),
        repairs=(_repair(line),),
        subject=line.point,
        reason=doubt,
    )


def _repair(line: FstabLine) -> Repair:
    if line.point == "/usr":
        return Repair(
            f"name the right device for {line.point} in {FSTAB}",
            Safety.MANUAL,
            steps="`blkid` lists what is there. A server does not start without /usr, so nofail is of no use.",
        )
    lasting = (
        f"services no longer wait for {line.point}, and what they write there while it is missing is on the root "
        "file system, and hidden when it comes back"
    )
    needed = line.point == "/var" or line.point.startswith("/var/")
    return Repair(
        f"let the server start without {line.point}: add nofail to its line in {FSTAB}",
        Safety.UNSAFE if needed else Safety.SAFE,
        partial(_made_dispensable, number=line.number),
        weakens=lasting if needed else "",
        steps="" if needed else f"{lasting[0].upper()}{lasting[1:]}.",
    )


def _made_dispensable(tree: Tree, number: int) -> Tree:
    return tree.write(FSTAB, with_option(tree.text(FSTAB) or "", number, "nofail"))
