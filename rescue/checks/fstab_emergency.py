"""A required /etc/fstab entry can't be mounted, so the boot stops in emergency mode.

Symptom: "Connection refused" if systemd-networkd configures the network, because it starts early; with ifupdown or
NetworkManager nothing answers, not even ping ("No route to host", "Connection timed out"). The provider's console shows
"You are in emergency mode", or "Cannot open access to console, the root account is locked".

Cause: a line in /etc/fstab names a disk that is missing: a volume that was detached or deleted, a partition that was
reformatted (which changes its UUID), a device whose name changed. systemd waits 90 seconds for it. Then local-fs.target
fails, and the boot with it: no SSH server, and mostly no network. A wrong file system type, or a bind mount of a
missing directory, does the same. Lines with nofail or noauto, network file systems and swap don't.

A required line may also depend on an optional one: a bind mount, loop file or overlay of something on a disk with
nofail, a mount point on such a disk, or x-systemd.requires=. If the optional one fails, systemd fails the required one
too.

When a disk is checked from another system, a volume may be missing only because it was not attached there: then the
finding is marked as doubtful.

Repair: add the option nofail to this one line, so that the server starts without the file system, and mounts it if it
appears. Everything else stays. For /var and below this needs your consent, and for /usr you must do it yourself: a
server does not work without them.

See: systemd.mount(5), systemd-fstab-generator(8), fstab(5), bootup(7).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from rescue.boot.dispensable import emergency_symptom, without_it
from rescue.boot.fstab import FSTAB, FstabLine, holding, read_fstab
from rescue.boot.named import ELSEWHERE, devices_named
from rescue.facts import Facts
from rescue.model import Finding, Severity, Step, Symptom
from rescue.services.units import UNIT_READS
from rescue.tree import Devices, Read, Tree

STEP = Step.BOOT
READS = (Read(FSTAB, depth=0), *UNIT_READS)

EXT = frozenset({"ext2", "ext3", "ext4"})
KNOWN_TYPES = EXT | {"btrfs", "f2fs", "swap", "vfat", "xfs"}
"""Types that can be identified for certain from the device."""

DEEPEST = 8
"""How far lines that depend on each other are followed."""


def find(facts: Facts) -> Iterator[Finding]:
    if facts.units.manager != "systemd":
        return
    lines = counted(read_fstab(facts.tree.text(FSTAB) or ""))
    for line in lines:
        if line.required and (problem := _problem(facts.tree, line, lines, ())) is not None:
            yield _finding(line, *problem, emergency_symptom(facts.units))


def counted(lines: tuple[FstabLine, ...]) -> tuple[FstabLine, ...]:
    """The first of two lines for one mount point."""
    found: dict[str, FstabLine] = {}
    for line in lines:
        if line.mounts:
            found.setdefault(line.point, line)
    return tuple(found.values())


def _problem(
    tree: Tree, line: FstabLine, lines: tuple[FstabLine, ...], seen: tuple[str, ...]
) -> tuple[str, str] | None:
    """The fault of a line's source, or of what it depends on, and why it is in doubt (empty if it is certain)."""
    if line.names_device and (problem := _device_problem(line, tree.devices)) is not None:
        return problem
    if len(seen) >= DEEPEST or line.point in seen:
        return None
    for path in line.stands_on:
        base = holding([each for each in lines if each is not line], PurePosixPath(path))
        if base is not None:
            below = _problem(tree, base, lines, (*seen, line.point))
            if below is not None:
                return f"{path}, which needs {base.point} mounted from {below[0]}", below[1]
        elif path in line.holds and (line.type == "overlay" or line.has("bind", "rbind", "loop")):
            tree.require(Read(path, depth=0, content=False))
            if tree.entry(path) is None:
                return f"{path}, which does not exist", ""
    return None


def _device_problem(line: FstabLine, devices: Devices | None) -> tuple[str, str] | None:
    if devices is None or line.made_at_boot:
        return None
    named = devices_named(line.source, devices)
    if not named:
        what = f"{line.source}, which is missing" if devices.complete else f"{line.source}, which no disk here has"
        return what, "" if devices.complete else ELSEWHERE
    types = {device.type for device in named if device.type in KNOWN_TYPES}
    if types and line.type in KNOWN_TYPES and not any(_same_type(line.type, each) for each in types):
        return f"{line.source} as {line.type}, but it is {' or '.join(sorted(types))}", ""
    return None


def _same_type(one: str, other: str) -> bool:
    return one == other or (one in EXT and other in EXT)


def _finding(line: FstabLine, what: str, doubt: str, symptom: Symptom) -> Finding:
    return Finding(
        check="fstab-emergency",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=(
            f"{FSTAB} requires for {line.point} {what}. The boot waits 90 seconds for it, then stops in emergency "
            "mode, without SSH."
        ),
        symptom=symptom,
        locations=(line.location,),
        repairs=(without_it(line),),
        subject=line.point,
        reason=doubt,
    )
