"""The disks of this machine, and which of them look like a server's root."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from rescue.target import disk as opened_disk
from rescue.target.directory import DirectoryTarget
from rescue.target.kernel import look_at
from rescue.target.mounts import Mount, mounts, mounts_of
from rescue.target.protocol import TargetError
from rescue.target.resources import Resources, run
from rescue.target.roots import READS, FoundRoot, found_root

_COLUMNS = "PATH,SIZE,TYPE,LABEL,FSTYPE,PKNAME"
_KINDS = ("disk", "part", "lvm", "crypt", "mpath")


@dataclass(frozen=True, slots=True)
class Disk:
    """A block device. size: bytes. type: "disk", "part", "lvm", "crypt", "raid1", ... as lsblk(8) calls it.

    fstype: what is on it, or empty; mountpoint: where it is mounted here, or empty. release, hostname: of the
    server's root on it. is_root: it holds a server's root. is_own: it belongs to the system that is running now.
    problem: why it could not be looked at, or empty.
    """

    path: str
    size: int
    type: str
    label: str = ""
    fstype: str = ""
    mountpoint: str = ""
    release: str = ""
    hostname: str = ""
    is_root: bool = False
    is_own: bool = False
    problem: str = ""

    @property
    def next_command(self) -> str:
        """What to type to inspect it; empty if there is nothing to inspect."""
        if not self.is_root:
            return ""
        return f"rescue inspect {self.mountpoint or self.path}"


def find_disks(kinds: tuple[str, ...] = _KINDS) -> tuple[Disk, ...]:
    """Every block device of these types (and RAID) that holds something, in the kernel's order; each is looked at.

    What is not mounted is mounted read-only for a moment, if this is root, and stays as it is to the last byte.
    Raises TargetError where lsblk(8) is missing.
    """
    told = json.loads(run("lsblk", "--json", "--bytes", "--list", "--output", _COLUMNS))["blockdevices"]
    parents = {each["pkname"] for each in told if each["pkname"]}
    own = _own_devices(told)
    found = []
    for each in told:
        kind, path = str(each["type"]), str(each["path"])
        if not (kind in kinds or kind.startswith("raid")) or not int(each["size"] or 0):
            continue
        disk = Disk(
            path, int(each["size"]), kind, each["label"] or "", each["fstype"] or "", is_own=path in own
        )
        found.append(disk if Path(path).name in parents else _looked_at(disk))
    return tuple(found)


def _own_devices(told: list[dict[str, str | None]]) -> set[str]:
    """The device that the running system's root is on, and every one below it."""
    roots = {mount.device for mount in mounts() if mount.point == "/"}
    above = {str(each["path"]): each["pkname"] for each in told}
    own = set()
    for path in above:
        number = Path(path).stat().st_rdev
        if f"{os.major(number)}:{os.minor(number)}" not in roots:
            continue
        at: str | None = path
        while at is not None and at not in own:
            own.add(at)
            below = above.get(at)
            at = f"/dev/{below}" if below else None
    return own


def _looked_at(disk: Disk) -> Disk:
    mounted = _mount_of(disk)
    try:
        if mounted is not None:
            disk = replace(disk, mountpoint=mounted.point, fstype=disk.fstype or mounted.type)
            return _with_root(disk, _look_there(mounted.point))
        if os.geteuid() != 0:
            return replace(disk, problem="run it as root (sudo) to see what is on it")
        return _look_inside(disk)
    except (TargetError, OSError) as problem:
        return replace(disk, problem=str(problem))


def _mount_of(disk: Disk) -> Mount | None:
    """Where it is mounted: at / if it is, else the first whole mount."""
    found = [mount for mount in mounts_of(Path(disk.path).stat().st_rdev) if mount.root == "/"]
    return min(found, key=lambda mount: (mount.point != "/", len(mount.point)), default=None)


def _look_there(point: str) -> FoundRoot | None:
    target = DirectoryTarget(point)
    try:
        return found_root(target.capture(READS))
    finally:
        target.close()


def _look_inside(disk: Disk) -> Disk:
    resources = Resources()
    try:
        opened = opened_disk.Disk(Path(disk.path), resources)
        held = opened.volumes
        if len(held) == 1 and not held[0].partition.number:
            told = held[0].found
            disk = replace(disk, fstype=told.type or disk.fstype, label=told.label or disk.label)
        # Partitions that the kernel made no device for are looked at through their disk.
        for volume in held:
            if volume.mountable and (seen := look_at(opened, volume)) is not None:
                return _with_root(disk, seen[1])
        return disk
    finally:
        resources.close()


def _with_root(disk: Disk, root: FoundRoot | None) -> Disk:
    if root is None:
        return disk
    return replace(disk, is_root=True, release=root.release, hostname=root.hostname)
