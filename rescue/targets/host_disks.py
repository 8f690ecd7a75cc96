"""The disks of this machine, and which of them look like a server."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rescue.targets.disks import lvm_report
from rescue.targets.disks import server_disks as opened_disk
from rescue.targets.disks.last_boot import READS as LAST_BOOT_READS
from rescue.targets.disks.last_boot import last_boot
from rescue.targets.disks.roots import READS, FoundRoot, found_root
from rescue.targets.disks.volumes import Volume, mapper_name
from rescue.targets.files.directory import DirectoryTarget
from rescue.targets.host.mounts import Mount, mounts, mounts_of
from rescue.targets.host.resources import Resources, run
from rescue.targets.kernel import look_into, root_word
from rescue.targets.opening import Opening
from rescue.targets.protocol import TargetError
from rescue.tree import Tree

_COLUMNS = "PATH,SIZE,TYPE,LABEL,FSTYPE,PKNAME,UUID,PTTYPE"
_KINDS = ("disk", "part", "lvm", "crypt", "mpath")
_READS = (*READS, *LAST_BOOT_READS)


@dataclass(frozen=True, slots=True)
class Content:
    """What a file system holds. size, used: its bytes, 0 if that can't be seen. last_boot: seconds since the epoch, or
    0. release, hostname: of the server's root that it is, if `is_root`.
    """

    fstype: str = ""
    label: str = ""
    uuid: str = ""
    size: int = 0
    used: int = 0
    is_root: bool = False
    release: str = ""
    hostname: str = ""
    last_boot: int = 0


@dataclass(frozen=True, slots=True)
class Inside:
    """A volume for which this machine has no device of its own: a partition of an image, a logical volume.

    size: bytes. root: how it is named after --root. problem: why it could not be looked at, or empty.
    """

    name: str
    root: str
    size: int
    content: Content
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Disk:
    """A block device or an image. size: bytes. type: "disk", "part", "lvm", "crypt", ... as lsblk(8) calls it; "file".

    table: its partition table ("gpt", "dos"), or empty. above: the device that it is a part of, or empty. mountpoint:
    where it is mounted here, or empty. is_own: it belongs to the system that is running now. inside: its volumes that
    have no device. group: the LVM volume group that it is a part or a volume of, or empty. problem: why it could not be
    looked at, or what is missing, or empty.
    """

    path: str
    size: int
    type: str
    content: Content = Content()
    table: str = ""
    above: str = ""
    mountpoint: str = ""
    is_own: bool = False
    inside: tuple[Inside, ...] = ()
    group: str = ""
    problem: str = ""

    @property
    def roots(self) -> tuple[Content, ...]:
        """The servers' roots on it."""
        return tuple(each for each in (self.content, *(volume.content for volume in self.inside)) if each.is_root)

    @property
    def next_commands(self) -> tuple[tuple[str, ...], ...]:
        """What to type to inspect them, word by word."""
        named = [volume.root for volume in self.inside if volume.content.is_root]
        words = ("rescue", "inspect", self.mountpoint or self.path)
        if self.content.is_root or len(named) == 1:
            return (words,)
        return tuple((*words, "--root", each) for each in named)


def find_disks(kinds: tuple[str, ...] = _KINDS) -> tuple[Disk, ...]:
    """Every block device of these types (and RAID) that holds something, in the kernel's order; each is looked at.

    What is not mounted is mounted read-only for a moment, if this is root, and stays as it is to the last byte.
    Raises TargetError where lsblk(8) is missing.
    """
    told = json.loads(run("lsblk", "--json", "--bytes", "--list", "--output", _COLUMNS))["blockdevices"]
    parents = {each["pkname"] for each in told if each["pkname"]}
    paths = [str(each["path"]) for each in told]
    # Where LVM is here, its own word counts; else what is read from the metadata's bytes.
    lvm = lvm_report.report()
    own = _own_devices(told)
    found = []
    for each in told:
        kind, path = str(each["type"]), str(each["path"])
        if not (kind in kinds or kind.startswith("raid")) or not int(each["size"] or 0):
            continue
        if kind == "lvm" and lvm is not None and lvm.logical(path) is None:
            continue  # one side of a mirror, a pool's data: LVM's own affair
        content = Content(each["fstype"] or "", each["label"] or "", each["uuid"] or "")
        above = f"/dev/{each['pkname']}" if each["pkname"] else ""
        disk = Disk(path, int(each["size"]), kind, content, each["pttype"] or "", above=above, is_own=path in own)
        divided = Path(path).name in parents
        if lvm is not None:
            disk, partly = _with_group(disk, lvm, paths)
            if divided and partly:
                disk = _with_inactive(disk)
        found.append(disk if divided else _looked_at(disk))
    return tuple(found if lvm is None else (_sized(disk, lvm) for disk in found))


def _with_group(disk: Disk, lvm: lvm_report.LvmReport, paths: Sequence[str]) -> tuple[Disk, bool]:
    """The disk with what LVM says of it; and whether volumes without a device lie on it beside others."""
    if (logical := lvm.logical(disk.path)) is not None:
        return replace(disk, group=logical.group), False
    physical = lvm.physicals.get(disk.path)
    if physical is None:
        return disk, False
    lost = f"{physical.missing} of the disks of {physical.group} {'is' if physical.missing == 1 else 'are'} not here"
    problem = lost if physical.missing else ""
    return replace(disk, group=physical.group, problem=problem), lvm.is_partly_active(physical, paths)


def _sized(disk: Disk, lvm: lvm_report.LvmReport) -> Disk:
    """The volumes that can't be read from their bytes have a size all the same."""
    sizes = {logical.path: logical.size for logical in lvm.logicals if logical.group == disk.group}
    inside = tuple(replace(each, size=each.size or sizes.get(mapper_name(each.name), 0)) for each in disk.inside)
    return replace(disk, inside=inside)


def _with_inactive(disk: Disk) -> Disk:
    """The volumes on it that have no device of their own; the others are listed by theirs."""
    looked = _looked_at(disk)
    inside = tuple(each for each in looked.inside if not Path(mapper_name(each.name)).exists())
    return replace(disk, inside=inside, problem=looked.problem or disk.problem)


def disk_at(path: Path, opening: Opening, *, look: bool) -> Disk:
    """The image at `path`, which need not be a device. look: this machine's kernel may mount its file systems.

    Raises TargetError.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise TargetError(f"{path} is neither a disk nor an image", "See what is here: rescue disks")
    resources = Resources()
    try:
        opened = opened_disk.Disk(path, resources, opening)
        inside = tuple(_inside(opened, volume, look=look) for volume in opened.volumes)
    finally:
        resources.close()
    return Disk(str(path), found.st_size, "file", inside=inside)


def _own_devices(told: list[dict[str, str | None]]) -> set[str]:
    """The device that the running system's root is on, and every one below it."""
    roots = {mount.device for mount in mounts() if mount.point == "/"}
    above = {str(each["path"]): each["pkname"] for each in told}
    own = set()
    for path in above:
        try:
            number = Path(path).stat().st_rdev
        except OSError:
            continue  # it has gone since lsblk saw it
        if f"{os.major(number)}:{os.minor(number)}" not in roots:
            continue
        at: str | None = path
        while at is not None and at not in own:
            own.add(at)
            below = above.get(at)
            at = f"/dev/{below}" if below else None
    return own


def _looked_at(disk: Disk) -> Disk:
    try:
        mounted = _mount_of(disk)
        if mounted is not None:
            told = disk.content if disk.content.fstype else replace(disk.content, fstype=mounted.type)
            return replace(disk, mountpoint=mounted.point, content=_look_there(mounted.point, told))
        if os.geteuid() != 0:
            return replace(disk, problem="run it as root (sudo) to see what is on it")
        return _look_inside(disk)
    except (TargetError, OSError) as problem:
        return replace(disk, problem=str(problem))


def _mount_of(disk: Disk) -> Mount | None:
    """Where it is mounted: at / if it is, else the first whole mount."""
    found = [mount for mount in mounts_of(Path(disk.path).stat().st_rdev) if mount.root == "/"]
    return min(found, key=lambda mount: (mount.point != "/", len(mount.point)), default=None)


def _look_there(point: str, content: Content) -> Content:
    target = DirectoryTarget(point)
    try:
        tree = target.capture(_READS)
    finally:
        target.close()
    return _with(content, tree, found_root(tree))


def _look_inside(disk: Disk) -> Disk:
    resources = Resources()
    try:
        opened = opened_disk.Disk(Path(disk.path), resources)
        volumes = opened.volumes
        if len(volumes) == 1 and not volumes[0].partition.number and not volumes[0].group:
            told = _inside(opened, volumes[0], look=True)
            content = told.content if told.content.fstype else disk.content
            return replace(disk, content=content, problem=told.problem or disk.problem)
        # Partitions and volumes that the kernel made no device for are looked at through their disk.
        return replace(disk, inside=tuple(_inside(opened, volume, look=True) for volume in volumes))
    finally:
        resources.close()


def _inside(opened: opened_disk.Disk, volume: Volume, *, look: bool) -> Inside:
    content = Content(volume.found.type, volume.found.label or volume.partition.label, volume.found.uuid)
    made = Inside(
        volume.name, root_word(volume, opened.volumes),
        sum(piece.size for piece in volume.pieces) or volume.partition.size, content,
    )  # fmt: skip
    if not look or not volume.mountable:
        return made
    try:
        seen = look_into(opened, volume, _READS)
    except (TargetError, OSError) as problem:
        return replace(made, problem=str(problem))
    return replace(made, content=_with(content, seen.tree, seen.root))


def _with(content: Content, tree: Tree, root: FoundRoot | None) -> Content:
    filesystem = tree.filesystem("/")
    if filesystem is not None:
        content = replace(content, size=filesystem.size, used=filesystem.size - filesystem.free)
    if root is None:
        return content
    return replace(content, is_root=True, release=root.release, hostname=root.hostname, last_boot=last_boot(tree))
