"""The volumes of one server's disks: what they hold, and mounting them without changing a disk."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from rescue.targets.disks.probe import MOUNTABLE, Found, Partition
from rescue.targets.disks.sources import Piece, can_join, joined_to_look, joined_to_write
from rescue.targets.host import btrfs_devices
from rescue.targets.host.resources import Resources
from rescue.targets.host.syscalls import MS_NOATIME, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY
from rescue.targets.protocol import TargetBusy, TargetError, TargetUnsafe

_SAFE = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME

CAUTIOUS = "errors=remount-ro"
"""A damaged ext4 may ask for a panic of the kernel that meets the damage (tune2fs -e): this machine's."""

_OPTIONS = {"ext4": CAUTIOUS, "xfs": "nouuid"}
"""A copy of the rescue system's own disk has its UUID, which xfs would refuse."""

_WITHOUT_JOURNAL = {"ext4": f"noload,{CAUTIOUS}", "xfs": "nouuid,norecovery", "btrfs": "rescue=nologreplay"}

STALE = (
    "the journal of {name} could not be replayed here: the latest writes may be missing from the snapshot "
    "(install qemu-storage-daemon to see them)"
)

_HINTS = {
    "btrfs": "Name the server's other disks with --disk.",
    "LVM": "Name the server's other disk with --disk, if it has one; or use --backend guestfs, which reads all of LVM.",
    "LUKS": "Opening it here needs cryptsetup and a kernel with device-mapper; or use --backend guestfs.",
    "RAID": "Assemble it with `mdadm --assemble --scan`, then see `rescue disks`; or use --backend guestfs.",
    "ZFS": "ZFS is not supported here. Import the pool (zpool import -N -o readonly=on -R /mnt POOL; zfs mount), "
    "then: rescue inspect /mnt",
}
DAMAGED = "its metadata is not valid"
_DAMAGED = frozenset({errno.EINVAL, errno.EBADMSG, errno.EUCLEAN, errno.EIO})
"""What mount(2) says of a damaged file system."""
_FSCK = {"ext4": "e2fsck -f", "xfs": "xfs_repair -n", "btrfs": "btrfs check --readonly", "f2fs": "fsck.f2fs"}


@dataclass(frozen=True, slots=True)
class Volume:
    """A file system, or what might be one: a partition, a whole disk without partitions, a logical volume, an array.

    node: its own block device, where it has one. pieces: where its bytes lie; () in an appliance. disk: the disk that
    `partition` counts on. group: the UUID of its volume group. read_only: why it must not be written through its
    pieces, or empty. note: what the person must know of its snapshot, or empty. members: a btrfs' other devices.
    """

    partition: Partition
    found: Found
    node: Path | None
    name: str
    pieces: tuple[Piece, ...] = ()
    disk: str = ""
    group: str = ""
    read_only: str = ""
    note: str = ""
    members: tuple[Volume, ...] = ()

    @property
    def mountable(self) -> bool:
        """Whether the kernel may be asked to mount it."""
        return self.found.type in MOUNTABLE and bool(self.pieces)

    @property
    def can_layer(self) -> bool:
        """Whether it can be mounted for writing through a throw-away layer, without being changed."""
        return self.pieces[0].source.can_layer if len(self.pieces) == 1 else can_join(self.pieces)

    def describe(self) -> str:
        """For people: "2: ext4 'cloudimg-rootfs'"."""
        label = self.found.label or self.partition.label
        # The label is untrusted: everything odd in it is escaped.
        shown = f" {label!r}" if label else ""
        number = f"{self.partition.number}: " if self.partition.number else ""
        if not number and self.group:
            number = f"{self.name}: "
        why = f" ({self.read_only})" if self.read_only and not self.pieces else ""
        return f"{number}{self.found.type or 'unknown content'}{shown}{why}"

    def is_called(self, root: str) -> bool:
        """Whether `root`, as typed after --root, means this one: number, device, UUID or label."""
        own = {str(self.partition.number), self.name, self.found.uuid, self.found.label, self.partition.partuuid}
        word = root.partition("=")[2] or root
        if mapper_name(root) == mapper_name(self.name):
            return True
        tail = re.search(r"(?<=[a-z])p?(\d+)$", word) if re.match(r"/dev/(?!mapper/)[^/]+$", word) else None
        return word in own - {"", "0"} or bool(tail and tail[1] == str(self.partition.number))


def mapper_name(name: str) -> str:
    """ "/dev/group/volume" as device-mapper calls it: "/dev/mapper/group-volume", its own hyphens doubled (lvm(8))."""
    parts = name.split("/")
    if len(parts) != 4 or parts[1] != "dev" or parts[2] == "mapper":
        return name
    return f"/dev/mapper/{parts[2].replace('-', '--')}-{parts[3].replace('-', '--')}"


class Mounter:
    """Mounts volumes for reading. The daemons that this needs end with `looking`."""

    def __init__(self, looking: Resources) -> None:
        self.notes: list[str] = []
        self._looking = looking
        self._joined: dict[tuple[Piece, ...], Path] = {}

    def mount_to_look(self, resources: Resources, volume: Volume, point: Path, *, unmount: str = "") -> str:
        """Mount `volume` read-only at `point`, its journal replayed in a throw-away layer; returns the device.

        The disk stays as it is to the last byte. Raises TargetError.
        """
        kind, options = volume.found.type, _OPTIONS.get(volume.found.type, "")
        _refuse_twin(volume)
        if volume.note:
            self.notes.append(volume.note)
        if volume.members:
            return self._mount_several(resources, volume, point, unmount)
        plain = _is_plain(volume)
        problem: OSError | None = None
        if plain and volume.found.dirty is not True:
            try:
                # A read-only loop device can't be written to, even by a file system that tries.
                return _mount_piece(resources, volume, point, options, unmount)
            except OSError as refused:
                problem = refused
                if refused.errno in (errno.EPERM, errno.ENODEV):
                    raise cannot_mount(volume, refused) from refused
        if not plain or volume.can_layer:
            path, start = self._layered(volume)
            try:
                return resources.mount_file(
                    path, str(point), kind, _SAFE | MS_RDONLY, options,
                    offset=start, size=_size(volume), read_only=False, unmount=unmount,
                )  # fmt: skip
            except OSError as refused:
                raise cannot_mount(volume, refused) from refused
        if kind not in _WITHOUT_JOURNAL:
            raise cannot_mount(volume, problem or OSError(errno.EROFS, os.strerror(errno.EROFS)))
        try:
            device = _mount_piece(resources, volume, point, _WITHOUT_JOURNAL[kind], unmount)
        except OSError as refused:
            raise cannot_mount(volume, refused) from refused
        self.notes.append(STALE.format(name=volume.name))
        return device

    def _mount_several(self, resources: Resources, volume: Volume, point: Path, unmount: str) -> str:
        """The same for a btrfs on several devices: all of them are shown as loop devices while it is mounted."""
        every = (volume, *volume.members)
        plain = all(_is_plain(each) and each.found.dirty is not True for each in every)
        problem = OSError(errno.EROFS, os.strerror(errno.EROFS))
        for layered in (*([False] if plain else []), *([True] if all(each.can_layer for each in every) else [])):
            devices = []
            for each in every:
                path, start = self._layered(each) if layered else (each.pieces[0].source.path, each.pieces[0].start)
                devices.append(str(resources.loop(path, start, _size(each), read_only=not layered)))
            _forgotten_at_the_end(resources, devices, every)
            try:
                resources.mount(
                    devices[0], str(point), "btrfs", _SAFE | MS_RDONLY, _beside(devices[1:]), unmount=unmount
                )
            except OSError as refused:
                problem = refused
                btrfs_devices.forget(devices)
                continue
            return devices[0]
        raise cannot_mount(volume, problem)

    def _layered(self, volume: Volume) -> tuple[Path, int]:
        """A raw file in which the volume's bytes begin at that offset, and what is written is thrown away."""
        if len(volume.pieces) == 1:
            piece = volume.pieces[0]
            return piece.source.layer(), piece.start
        if volume.pieces not in self._joined:
            if not can_join(volume.pieces):
                raise TargetError(
                    f"{volume.name} is in {len(volume.pieces)} pieces, which this machine can't join",
                    "Install qemu-utils and qemu-system-common; or activate it: vgchange -ay",
                )
            self._joined[volume.pieces] = joined_to_look(self._looking, volume.pieces)
        return self._joined[volume.pieces], 0


def mount_to_write(resources: Resources, volume: Volume, point: Path, *, unmount: str = "") -> str:
    """Mount `volume` for writing at `point`; returns the device mounted. The disk's own volumes must not be mounted.

    Raises TargetBusy if it is in use, TargetUnsafe where writing would do harm, TargetError.
    """
    kind, options = volume.found.type, _OPTIONS.get(volume.found.type, "")
    _refuse_twin(volume)
    try:
        if volume.members:
            return _mount_several_to_write(resources, volume, point, unmount)
        if volume.node is not None:
            resources.mount(str(volume.node), str(point), kind, _SAFE, options, unmount=unmount)
            return str(volume.node)
        if volume.read_only:
            raise TargetUnsafe(
                f"{volume.name} can't be written to safely: {volume.read_only}",
                "Activate it as root on a machine that has all of it (mdadm --assemble --scan; vgchange -ay) and see "
                "`rescue disks`; or use --backend guestfs.",
            )
        if len(volume.pieces) == 1:
            path, start = volume.pieces[0].source.writable(resources), volume.pieces[0].start
        else:
            path, start = joined_to_write(resources, volume.pieces), 0
        return resources.mount_file(
            path, str(point), kind, _SAFE, options,
            offset=start, size=_size(volume), read_only=False, unmount=unmount,
        )  # fmt: skip
    except OSError as problem:
        if problem.errno == errno.EBUSY:
            raise TargetBusy(f"{volume.name} is in use", "See what uses it: lsblk") from problem
        raise cannot_mount(volume, problem) from problem


def _mount_several_to_write(resources: Resources, volume: Volume, point: Path, unmount: str) -> str:
    every = (volume, *volume.members)
    devices, loops = [], []
    for each in every:
        if each.node is None:
            (piece,) = each.pieces
            loops.append(str(resources.loop(piece.source.writable(resources), piece.start, piece.size)))
        devices.append(loops[-1] if each.node is None else str(each.node))
    _forgotten_at_the_end(resources, loops, every)
    resources.mount(devices[0], str(point), "btrfs", _SAFE, _beside(devices[1:]), unmount=unmount)
    return devices[0]


def _forgotten_at_the_end(resources: Resources, loops: Sequence[str], every: Sequence[Volume]) -> None:
    def put_back() -> None:
        btrfs_devices.forget(loops)
        btrfs_devices.remember(str(each.node) for each in every if each.node is not None)

    resources.add(put_back)


def _beside(devices: Sequence[str]) -> str:
    """The mount option that names a btrfs' other devices."""
    return ",".join(f"device={each}" for each in devices)


def _is_plain(volume: Volume) -> bool:
    return len(volume.pieces) == 1 and volume.pieces[0].source.is_raw


def _mount_piece(resources: Resources, volume: Volume, point: Path, options: str, unmount: str) -> str:
    piece = volume.pieces[0]
    path, start, size = (volume.node, 0, 0) if volume.node else (piece.source.path, piece.start, piece.size)
    return resources.mount_file(
        path, str(point), volume.found.type, _SAFE | MS_RDONLY, options, offset=start, size=size, unmount=unmount
    )


def _size(volume: Volume) -> int:
    return sum(piece.size for piece in volume.pieces)


def _refuse_twin(volume: Volume) -> None:
    """btrfs knows its file systems by their UUID: a copy of a mounted one would be mixed with it (btrfs(5))."""
    if volume.found.type != "btrfs" or volume.node is not None:
        return
    if Path(f"/sys/fs/btrfs/{volume.found.uuid}").is_dir():
        raise TargetError(
            f"a btrfs with the UUID of {volume.name} is mounted here already: the kernel would mix the two up",
            "Unmount the other one, or use --backend guestfs.",
        )


def no_volume(what: str, volumes: Sequence[Volume]) -> TargetError:
    """The error for disks on which nothing can be mounted."""
    if not any(volume.found.type or volume.partition.number for volume in volumes):
        return TargetError(
            f"{what} holds nothing that rescue knows: no partitions, no file system, no LVM, RAID or LUKS",
            "Is it the right disk or disk image? See `rescue disks`.",
        )
    hint = hint_for(volumes) or "Is it the right disk? See `rescue disks`."
    return TargetError(f"there is no Linux file system on {what} (found: {listed(volumes) or 'nothing'})", hint)


def hint_for(volumes: Sequence[Volume]) -> str:
    """Advice if the root may be inside something that was not opened; otherwise empty."""
    kinds = {volume.found.type for volume in volumes if volume.found.type != "btrfs" or not volume.pieces}
    return next((hint for kind, hint in _HINTS.items() if kind in kinds), "")


def listed(volumes: Sequence[Volume]) -> str:
    """The first twenty, as text for people."""
    shown = [volume.describe() for volume in volumes[:20]]
    return "; ".join([*shown, "..."] if len(volumes) > 20 else shown)


def cannot_mount(volume: Volume, problem: OSError) -> TargetError:
    """The error for a volume that can't be mounted, or whose root directory can't be read."""
    if problem.errno == errno.EPERM:
        hint = "Mounting needs root: run it with sudo, or use --backend guestfs."
    elif problem.errno == errno.ENODEV:
        hint = f"This rescue system's kernel doesn't support {volume.found.type}. Use --backend guestfs."
    elif problem.errno in (errno.EACCES, errno.EROFS):
        return TargetError(
            f"{volume.name} can't be written to: it is write-protected",
            f"If it may be changed: blockdev --setrw {volume.node or 'DEVICE'}. Otherwise repair a copy of it.",
        )
    elif (short := cut_off(volume)) is not None:
        return short
    else:
        hint = "The file system may be damaged. " + "; ".join(_checking(volume))
    why = problem.strerror
    if problem.errno in _DAMAGED:
        why = f"{DAMAGED} ({why})"
    return TargetError(f"{volume.name} ({volume.found.type}) can't be mounted: {why}", hint)


def cut_off(volume: Volume) -> TargetError | None:
    """The error for a file system that is larger than its volume; None for any other."""
    size = _size(volume)
    if not volume.pieces or size >= volume.found.size:
        return None
    return TargetError(
        f"{volume.name} ({volume.found.type}) is cut off: it should have {volume.found.size} bytes, but has {size}",
        "Was the copy interrupted, or the partition shrunk? Copy the disk again.",
    )


def _checking(volume: Volume) -> Iterator[str]:
    """How to check it. rescue never does that by itself: a repair may lose files."""
    program = _FSCK.get(volume.found.type, "fsck")
    if volume.node is not None:
        yield f"Copy the disk, then check it: {program} {volume.node}"
    elif len(volume.pieces) == 1 and volume.pieces[0].source.is_raw:
        piece = volume.pieces[0]
        yield (
            f"On a copy of it: losetup -f --show -o {piece.start} --sizelimit {piece.size} COPY, "
            f"then {program} on the device that it prints"
        )
    else:
        image = volume.pieces[0].source
        if len(volume.pieces) == 1 and not image.is_raw:
            yield f"Is the image whole? qemu-img check {quote(str(image.path))}"
        yield f"Attach a copy of it as a block device, and check that: {program} DEVICE"
