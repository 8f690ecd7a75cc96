"""The volumes of one disk or image: what they hold, and mounting them without changing the disk."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rescue.target import overlay
from rescue.target.image import Image, hold_as_writer, image_at
from rescue.target.probe import MOUNTABLE, Found, Partition, partitions, probe
from rescue.target.protocol import TargetBusy, TargetError
from rescue.target.resources import ProgramError, Resources
from rescue.target.syscalls import MS_NOATIME, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY

_SAFE = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME

_OPTIONS = {"xfs": "nouuid"}
"""A copy of the rescue system's own disk has its UUID, which xfs would refuse."""

_WITHOUT_JOURNAL = {"ext4": "noload", "xfs": "nouuid,norecovery", "btrfs": "rescue=nologreplay"}

STALE = (
    "the journal of {name} waits to be replayed and could not be here: what was written last may be missing from the "
    "picture (install qemu-storage-daemon to see it)"
)

_HINTS = {
    "LVM": "Make its volumes known with `vgchange -ay`, then see `rescue disks`; or use --backend guestfs.",
    "LUKS": "Open it with `cryptsetup open DEVICE NAME`, then see `rescue disks`.",
    "RAID": "Assemble it with `mdadm --assemble --scan`, then see `rescue disks`; or use --backend guestfs.",
}


@dataclass(frozen=True, slots=True)
class Volume:
    """A partition, or a whole disk without partitions. node: its own block device, where it has one."""

    partition: Partition
    found: Found
    node: Path | None
    name: str

    @property
    def mountable(self) -> bool:
        """Whether the kernel may be asked to mount it."""
        return self.found.type in MOUNTABLE

    def describe(self) -> str:
        """For people: "2: ext4 'cloudimg-rootfs'"."""
        label = self.found.label or self.partition.label
        # The label is the disk's word: shown with everything odd in it escaped.
        shown = f" {label!r}" if label else ""
        number = f"{self.partition.number}: " if self.partition.number else ""
        return f"{number}{self.found.type or 'unknown content'}{shown}"

    def is_called(self, root: str) -> bool:
        """Whether `root`, as typed after --root, means this one: number, device, UUID or label."""
        own = {str(self.partition.number), self.name, self.found.uuid, self.found.label, self.partition.partuuid}
        word = root.partition("=")[2] or root
        tail = re.search(r"(?<=[a-z])p?(\d+)$", word) if word.startswith("/dev/") else None
        return word in own - {""} or bool(tail and tail[1] == str(self.partition.number))


class Disk:
    """A block device or image file, opened for looking. Everything it starts is closed with `resources`."""

    def __init__(self, path: Path, resources: Resources) -> None:
        self.path = path
        self.notes: list[str] = []
        self._resources = resources
        found = path.stat()
        self.is_device = stat.S_ISBLK(found.st_mode)
        self.image = Image(path, "raw", 0) if self.is_device else image_at(path)
        # What is not raw can only be read through a daemon, and then it may as well be through a layer.
        self._layered: Path | None = None
        self._writable: Path | None = None
        if self.image.format != "raw":
            self._layered = self._layer()
        self._nodes = _partition_nodes(found.st_rdev) if self.is_device else {}
        self.volumes = self._volumes(self._layered or path)

    def mount_to_look(self, resources: Resources, volume: Volume, point: Path, *, unmount: str = "") -> str:
        """Mount `volume` read-only at `point`, its journal replayed into thin air; returns the device mounted.

        The disk stays as it is to the last byte. Raises TargetError.
        """
        kind = volume.found.type
        start, size = (0, 0) if volume.node else (volume.partition.start, volume.partition.size)
        problem: OSError | None = None
        if self._layered is None and volume.found.dirty is not True:
            try:
                # A read-only loop device can't be written to, not even by a file system that insists.
                return resources.mount_file(
                    volume.node or self.path, str(point), kind, _SAFE | MS_RDONLY, _OPTIONS.get(kind, ""),
                    offset=start, size=size, unmount=unmount,
                )  # fmt: skip
            except OSError as refused:
                problem = refused
                if refused.errno in (errno.EPERM, errno.ENODEV):
                    raise _cannot_mount(volume, refused) from refused
        if self._layered is not None or overlay.available():
            try:
                return resources.mount_file(
                    self._layer(), str(point), kind, _SAFE | MS_RDONLY, _OPTIONS.get(kind, ""),
                    offset=volume.partition.start, size=volume.partition.size, read_only=False,
                    unmount=unmount,
                )  # fmt: skip
            except OSError as refused:
                raise _cannot_mount(volume, refused) from refused
        if kind not in _WITHOUT_JOURNAL:
            raise _cannot_mount(volume, problem or OSError(errno.EROFS, os.strerror(errno.EROFS)))
        try:
            device = resources.mount_file(
                volume.node or self.path, str(point), kind, _SAFE | MS_RDONLY, _WITHOUT_JOURNAL[kind],
                offset=start, size=size, unmount=unmount,
            )  # fmt: skip
        except OSError as refused:
            raise _cannot_mount(volume, refused) from refused
        self.notes.append(STALE.format(name=volume.name))
        return device

    def _layer(self) -> Path:
        if self._layered is None:
            if not overlay.available():
                raise TargetError(
                    f"{self.path} is a {self.image.format} image, which this machine can't read",
                    "Install qemu-utils and qemu-system-common, or use --backend guestfs.",
                )
            self._layered = overlay.shown_as_raw(self._resources, self.path, self.image.format)
        return self._layered

    def writable(self, resources: Resources) -> Path:
        """The raw file or device to write to, held against a machine that would start. TargetBusy if one runs."""
        if self._writable is None:
            if self.image.format == "raw":
                self._writable = self.path
                if not self.is_device:
                    _hold(resources, self.path)
            else:
                self._writable = _shown_to_write(resources, self)
        return self._writable

    def _volumes(self, readable: Path) -> tuple[Volume, ...]:
        descriptor = os.open(readable, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.lseek(descriptor, 0, os.SEEK_END)
            listed = partitions(_reader(descriptor, 0, size), size)
            whole = (Partition(0, 0, size),)
            return tuple(
                self._volume(part, probe(_reader(descriptor, part.start, part.size))) for part in listed or whole
            )
        except OSError as problem:
            raise TargetError(
                f"{self.path} can't be read: {problem.strerror}",
                "The disk fails. Make a copy of it (ddrescue) before anything else.",
            ) from problem
        finally:
            os.close(descriptor)

    def _volume(self, part: Partition, found: Found) -> Volume:
        node = self.path if self.is_device and not part.number else self._nodes.get(part.number)
        if node is not None:
            name = str(node)
        else:
            name = f"{self.path} partition {part.number}" if part.number else str(self.path)
        return Volume(part, found, node, name)


def mount_to_write(resources: Resources, disk: Disk, volume: Volume, point: Path, *, unmount: str = "") -> str:
    """Mount `volume` for writing at `point`; returns the device mounted. The disk's own volumes must not be mounted.

    Raises TargetBusy if the image is in use, TargetError.
    """
    kind, options = volume.found.type, _OPTIONS.get(volume.found.type, "")
    start, size = volume.partition.start, volume.partition.size
    try:
        if volume.node is not None:
            resources.mount(str(volume.node), str(point), kind, _SAFE, options, unmount=unmount)
            return str(volume.node)
        return resources.mount_file(
            disk.writable(resources), str(point), kind, _SAFE, options,
            offset=start, size=size, read_only=False, unmount=unmount,
        )  # fmt: skip
    except OSError as problem:
        if problem.errno == errno.EBUSY:
            raise TargetBusy(f"{volume.name} is in use", "See what uses it: lsblk") from problem
        raise _cannot_mount(volume, problem) from problem


def _hold(resources: Resources, path: Path) -> None:
    """Lock the image as QEMU does, and see that all of it is on the disk at the end."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    resources.add(lambda: os.close(descriptor))
    hold_as_writer(descriptor)
    resources.add(lambda: os.fsync(descriptor))


def _shown_to_write(resources: Resources, disk: Disk) -> Path:
    try:
        return overlay.shown_as_raw(resources, disk.path, disk.image.format, write=True)
    except ProgramError as problem:
        if "lock" in str(problem):
            raise TargetBusy(f"a running machine uses {disk.path}", "Shut the machine down first.") from problem
        raise


def no_volume(disk: Disk) -> TargetError:
    """The error for a disk on which nothing can be mounted."""
    kinds = {volume.found.type for volume in disk.volumes}
    hints = [_HINTS[kind] for kind in _HINTS if kind in kinds]
    listed = "; ".join(volume.describe() for volume in disk.volumes)
    return TargetError(
        f"there is no Linux file system on {disk.path} (found: {listed})",
        hints[0] if hints else "Is it the right disk? See `rescue disks`.",
    )


def _cannot_mount(volume: Volume, problem: OSError) -> TargetError:
    hint = f"The file system may be damaged. Check it: fsck -n {volume.node or '(its device)'}"
    if problem.errno == errno.EPERM:
        hint = "Mounting needs root: run it with sudo, or use --backend guestfs."
    elif problem.errno == errno.ENODEV:
        hint = f"This rescue system's kernel has no {volume.found.type}. Use --backend guestfs."
    return TargetError(f"{volume.name} ({volume.found.type}) can't be mounted: {problem.strerror}", hint)


def _reader(descriptor: int, start: int, size: int) -> Callable[[int, int], bytes]:
    def read(offset: int, length: int) -> bytes:
        length = min(length, size - offset)
        return os.pread(descriptor, length, start + offset) if length > 0 else b""

    return read


def _partition_nodes(device: int) -> dict[int, Path]:
    """The block devices of a disk's partitions, by number, as the kernel knows them."""
    found = {}
    for told in Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").glob("*/partition"):
        node = Path("/dev") / told.parent.name.replace("!", "/")
        if node.exists():
            found[int(told.read_text())] = node
    return found
