"""The volumes that an appliance sees: partitions, arrays and logical volumes by themselves, encrypted ones opened."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from shlex import quote
from string import ascii_lowercase
from typing import Any

from rescue.targets.appliance.launch import Handle
from rescue.targets.appliance.waiting import waited
from rescue.targets.disks import luks
from rescue.targets.disks.image import DiskImage
from rescue.targets.disks.probe import Found, Partition
from rescue.targets.disks.volumes import Volume
from rescue.targets.opening import Opening
from rescue.tree import Device

MOUNTABLE = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs"})
_NAMES = {"crypto_LUKS": "LUKS", "LVM2_member": "LVM", "linux_raid_member": "RAID", "zfs_member": "ZFS"}
"""libblkid's names, which vfs_type gives, and ours."""
_LEFT_OUT = ("swap", "vfat", "")
_BLKID = "blkid -c /dev/null -o export || true"
_ORDER = "readlink -f /dev/disk/by-path/*"
_LSBLK = "lsblk --json --output NAME,PATH,TYPE,MOUNTPOINT"
_RUN_ARRAYS = """
for array in /dev/md[0-9]*; do mdadm --run "$array"; done >/dev/null 2>&1
mdadm --assemble --scan --run >/dev/null 2>&1
udevadm settle
lvm vgchange -q -ay >/dev/null 2>&1
udevadm settle
"""
_TOLD = ("TYPE", "UUID", "LABEL", "PARTUUID", "PARTLABEL")
_MAX_DEPTH = 16
_MAX_VOLUMES = 512
_PARTITION = re.compile(r"/dev/[hsv]d[a-z]+(\d+)")
_DISK = re.compile(r"/dev/[hsv]d[a-z]+")


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is at one moment: the volumes, and all that fstab(5) could name."""

    volumes: tuple[Volume, ...]
    devices: tuple[Device, ...]


def unlocked(handle: Handle, volumes: tuple[Volume, ...], opening: Opening, *, write: bool) -> Seen:
    """What there is, including the content of the encrypted `volumes`. Raises TargetError if a passphrase is wrong."""
    locked = [volume for volume in volumes if volume.found.type == "LUKS"]
    for number, volume in enumerate(locked):
        _unlock(handle, volume, f"rescue-luks-{number}", opening, write)
    handle.lvm_scan(True)
    return seen(handle)


def _unlock(handle: Handle, volume: Volume, name: str, opening: Opening, write: bool) -> None:
    def attempt(key: bytes) -> None:
        text = key.decode("utf-8", "surrogateescape")
        waited(handle, partial(handle.cryptsetup_open, volume.name, text, name, readonly=not write))

    luks.unlock(volume.name, opening, attempt, RuntimeError)


def volumes_of(handle: Handle) -> tuple[Volume, ...]:
    """Every volume that is there; encrypted ones as such."""
    return seen(handle).volumes


def seen(handle: Handle) -> Seen:
    """Everything that is there.

    One call of lsblk(8) and blkid(8) in the appliance: libguestfs' own list asks again for each, and takes seconds.
    """
    found = _blocks(handle, "")
    if found is not None and any(volume.found.type == "RAID" for volume in found.volumes):
        # A mirror that lacks a disk waits for it unless told to run.
        found = _blocks(handle, _RUN_ARRAYS)
    return Seen(_listed(handle), devices_of(handle)) if found is None else found


def _blocks(handle: Handle, before: str) -> Seen | None:
    try:
        said = handle.debug("sh", [f"{before} {_ORDER}; echo; {_LSBLK}; echo; {_BLKID}"])
        order, _, said = said.partition("\n\n")
        # lsblk itself knows the types from udev, which does not know them all.
        listed, _, probed = said.partition("\n\n")
        told, known = json.loads(listed)["blockdevices"], _probed(probed)
    except (RuntimeError, ValueError, KeyError):
        return None
    # Some disks have two such links, and so have all partitions.
    real = tuple(dict.fromkeys(path for path in order.split("\n") if _DISK.fullmatch(path)))
    own = {disk["path"] for disk in told if disk.get("mountpoint") == "/"}
    real = tuple(path for path in real if path not in own)
    disks = _given(handle, len(real) if own else None)
    if len(real) < len(disks):
        return None
    # The kernel may find the disks in another order than they were given in. libguestfs goes by the latter, and so its
    # names are not those of lsblk (daemon/device-name-translation.c).
    names = dict(zip(real, disks, strict=False))
    known = {name: values for path, values in known.items() if (name := _renamed(path, names))}
    found: dict[str, Volume] = {}
    for disk in told:
        if disk["path"] in names:
            _leaves(_all_renamed(disk, names, 0), names[disk["path"]], known, found, 0)
    return Seen(tuple(found.values()), _devices(known))


def _given(handle: Handle, count: int | None) -> list[str]:
    """libguestfs' names of the disks that were added; `count`: how many, if that is known."""
    if count is not None and count <= len(ascii_lowercase):
        # Its list of devices says the same, and waits for udev first.
        return [f"/dev/sd{letter}" for letter in ascii_lowercase[:count]]
    found: list[str] = handle.list_devices()
    return found


def _renamed(path: str, names: dict[str, str]) -> str:
    """What libguestfs calls a device of the kernel; empty for the appliance's own disk."""
    disk = _DISK.match(path)
    return path if disk is None else names[disk[0]] + path[disk.end() :] if disk[0] in names else ""


def _all_renamed(told: dict[str, Any], names: dict[str, str], depth: int) -> dict[str, Any]:
    children = [_all_renamed(each, names, depth + 1) for each in told.get("children") or () if depth < _MAX_DEPTH]
    return {**told, "path": _renamed(str(told["path"]), names), "children": children}


def _probed(text: str) -> dict[str, dict[str, str]]:
    """The devices of ``blkid -o export``: paragraphs of NAME=value, odd characters behind a backslash."""
    found = {}
    for paragraph in text.split("\n\n"):
        pairs = (line.partition("=") for line in paragraph.split("\n"))
        values = {name: re.sub(r"\\(.)", r"\1", value) for name, _, value in pairs}
        found[values.get("DEVNAME", "")] = values
    return found


def _leaves(
    told: dict[str, Any], disk: str, known: dict[str, dict[str, str]], found: dict[str, Volume], depth: int
) -> None:
    """The volumes that contain no others. An array is below each of its members, but is listed once."""
    path = str(told["path"])
    values = known.get(path, {})
    kind = values.get("TYPE", "")
    if not kind and str(told["type"]).startswith(("raid", "md")):
        # An array that waits for a disk holds nothing yet.
        kind = "linux_raid_member"
    children = told.get("children") or ()
    for child in children if depth < _MAX_DEPTH else ():
        _leaves(child, disk, known, found, depth + 1)
    if children or path in found or len(found) >= _MAX_VOLUMES or kind in _LEFT_OUT:
        return
    name, group = _logical(path) if told["type"] == "lvm" else (path, "")
    number = _PARTITION.fullmatch(path)
    partition = Partition(
        int(number[1]) if number else 0, 0, 0, values.get("PARTUUID", ""), values.get("PARTLABEL", "")
    )
    what = Found(_NAMES.get(kind, kind), values.get("UUID", ""), values.get("LABEL", ""))
    found[path] = Volume(partition, what, None, name, disk=disk, group=group)


def devices_of(handle: Handle) -> tuple[Device, ...]:
    """Everything that fstab(5) could name, with its names; what the appliance calls a partition is not among them."""
    try:
        probed = _probed(handle.debug("sh", [f"udevadm settle; {_BLKID}"]))
    except RuntimeError:
        return ()
    return _devices(probed)


def _devices(probed: dict[str, dict[str, str]]) -> tuple[Device, ...]:
    found = []
    for path, told in sorted(probed.items())[:_MAX_VOLUMES]:
        number = _PARTITION.fullmatch(path)
        kind, uuid, label, partuuid, partlabel = (told.get(name, "") for name in _TOLD)
        name = "" if _DISK.match(path) else path
        found.append(Device(name, kind, uuid, label, partuuid, partlabel, int(number[1]) if number else 0))
    return tuple(found)


def _logical(path: str) -> tuple[str, str]:
    """ "/dev/mapper/group-volume" as LVM calls it, and the group: see lvm(8) on hyphens."""
    group, _, volume = path.removeprefix("/dev/mapper/").replace("--", "\0").partition("-")
    group, volume = group.replace("\0", "-"), volume.replace("\0", "-")
    return (f"/dev/{group}/{volume}", group) if volume else (path, "")


def _listed(handle: Handle) -> tuple[Volume, ...]:
    """The same by libguestfs' own list."""
    found = []
    for name, kind in handle.list_filesystems().items():
        if kind in MOUNTABLE and not name.startswith("btrfsvol:"):
            number = _PARTITION.fullmatch(name)
            disk = _DISK.match(name)
            told = Found(kind, _told(handle.vfs_uuid, name), _told(handle.vfs_label, name))
            partition = Partition(int(number[1]) if number else 0, 0, 0)
            found.append(Volume(partition, told, None, name, disk=disk[0] if disk else ""))
        elif kind not in (*_LEFT_OUT, "unknown") and kind not in MOUNTABLE:
            found.append(Volume(Partition(0, 0, 0), Found(_NAMES.get(kind, kind)), None, name))
    return tuple(found)


def _told(call: Callable[[str], str], name: str) -> str:
    try:
        return call(name)
    except (RuntimeError, UnicodeDecodeError):
        return ""


def subvolume(volume: Volume, name: str) -> Volume:
    """A subvolume of this btrfs, as libguestfs names it."""
    return replace(volume, name=f"btrfsvol:{volume.name}/{name.strip('/')}")


def device_of(volume: Volume) -> str:
    """The device that `subvolume` was made of, or the volume's own."""
    name = volume.name
    return name.removeprefix("btrfsvol:").rpartition("/")[0] if name.startswith("btrfsvol:") else name


def missing_disks(handle: Handle, volume: Volume) -> int:
    """How many disks an array lacks; 0 if it is not an array."""
    array = re.fullmatch(r"/dev/(md\d+)(?:p\d+)?", volume.name)
    if array is None:
        return 0
    told = _told(lambda name: str(handle.debug("sh", [f"cat /sys/block/{name}/md/degraded"])), array[1]).strip()
    return int(told) if told.isascii() and told.isdigit() else 0


def checking(image: DiskImage, volume: Volume) -> str:
    """How to check a file system that can't be mounted. rescue never does that by itself: a repair may lose files."""
    command = {"xfs": f"xfs-repair {volume.name} nomodify:true", "btrfs": f"btrfs-check {volume.name}"}.get(
        volume.found.type, f"e2fsck {volume.name} forceall:true"
    )
    copy = quote(f"COPY-OF-{image.path.name}")
    return f"The file system may be damaged. Check a copy of it: guestfish -a {copy} run : {command}"
