"""An image through libguestfs: its file systems are read by a small virtual machine, not by this machine's kernel.

Needs no root, and reads LVM, RAID and every image format; a launch takes a few seconds with KVM, half a minute without.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from shlex import quote

from rescue.targets.appliance import launch
from rescue.targets.appliance import volumes as guestfs_volumes
from rescue.targets.appliance.launch import Handle
from rescue.targets.appliance.source import GuestfsSource
from rescue.targets.appliance.waiting import waited
from rescue.targets.appliance.writing import GuestfsWriter
from rescue.targets.disks.assemble import belonging, surplus
from rescue.targets.disks.image import DiskImage, attached_as, image_at
from rescue.targets.disks.roots import READS, SUBVOLUMES, FoundRoot, found_root
from rescue.targets.disks.volumes import CAUTIOUS, DAMAGED, Volume, no_volume
from rescue.targets.files.capture import Capture
from rescue.targets.forwarding import Forwarding, only_for_looking
from rescue.targets.host.closing import Closing
from rescue.targets.host.image_lock import refuse_if_used, written_by_machine
from rescue.targets.host.locking import locked
from rescue.targets.host.mounts import mounts_of
from rescue.targets.host.resources import Resources
from rescue.targets.opening import Opening
from rescue.targets.protocol import SeveralRoots, TargetBusy, TargetError
from rescue.tree import Device, Devices, FileSystem, Read, Tree

METHOD = "libguestfs"
_OPTIONS = "noatime,nosuid,nodev,noexec"
_UNREADABLE_SHOWN = 3

available = launch.available


class GuestfsTarget(Forwarding, Closing):
    """The root mounted in a running appliance."""

    method = METHOD

    def __init__(
        self, handle: Handle, resources: Resources, *, name: str, identity: str, write: bool, notes: tuple[str, ...],
        mounted: dict[str, tuple[str, str]], devices: Devices,
    ) -> None:  # fmt: skip
        self.name = name
        self.handle = handle
        self._resources = resources
        self._identity = identity
        self._notes = notes
        self._mounted = mounted
        self._devices = devices
        self._unreadable: list[str] = []
        self._writer = GuestfsWriter(handle) if write else None
        self._filesystems: tuple[FileSystem, ...] | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user must know about the snapshot."""
        if not self._unreadable:
            return self._notes
        shown = ", ".join(self._unreadable[:_UNREADABLE_SHOWN])
        return (*self._notes, f"could not be read, so not checked: {shown}")

    def capture(self, reads: Iterable[Read]) -> Tree:
        """See `rescue.targets.protocol.Target.capture`."""
        source = GuestfsSource(self.handle)
        tree = Capture(source).tree(reads, self.filesystems(), self._devices)
        entries = dict(tree.captured)
        flags = source.flags(entries.items())
        told = [f"{path} ({why})" for path, why in tree.errors]
        self._unreadable.extend(each for each in told if each not in self._unreadable)
        return tree.with_entries(
            {path: replace(entries[path], flags=bits) for path, bits in flags.items()}, edited=False
        )

    def filesystems(self) -> tuple[FileSystem, ...]:
        """The mounted file systems, measured once and again after something was written."""
        if self._filesystems is None:
            self._filesystems = tuple(self._measure(mount, *told) for mount, told in self._mounted.items())
        return self._filesystems

    @property
    def points(self) -> tuple[str, ...]:
        """Where its file systems are mounted, the root first."""
        return tuple(self._mounted)

    @property
    def writable(self) -> bool:
        """Whether it was opened for writing."""
        return self._writer is not None

    def sync(self) -> None:
        """See `rescue.targets.protocol.Target.sync`."""
        self._writing().sync()

    def lock(self) -> AbstractContextManager[None]:
        """See `rescue.targets.protocol.Target.lock`."""
        return locked(self._identity, self.name)

    def close(self) -> None:
        """Shut the appliance down, what was written with it on the disk."""
        self._resources.close()

    def _writing(self) -> GuestfsWriter:
        if self._writer is None:
            raise only_for_looking(self.name)
        self._filesystems = None
        return self._writer

    def _measure(self, mount: str, device: str, kind: str) -> FileSystem:
        told = self.handle.statvfs(mount)
        block = told["frsize"]
        return FileSystem(
            mount, kind, told["blocks"] * block, told["bfree"] * block, told["bavail"] * block, told["files"],
            told["ffree"], source=device,
        )  # fmt: skip


def open_guestfs(path: Path, *, write: bool, opening: Opening, progress: Callable[[str], None]) -> GuestfsTarget:
    """The one server's root in the image or on the block device at `path`, and on its other disks.

    Raises TargetError if libguestfs is missing or does not start, if there is no root, or more than one and
    `opening` does not say which; TargetBusy for writing to an image that a running machine uses.
    """
    launch.bindings()
    images = [_image(each, opening) for each in (path, *opening.disks)]
    if write:
        for image in images:
            refuse_if_used(image.path)
        _refuse_if_mounted(images)
    busy = not write and any(written_by_machine(image.path) for image in images)
    resources = Resources()
    try:
        notes = ["a running machine writes to this image: the snapshot may mix old and new data"] if busy else []
        handle = launch.launched(
            images, write=write, progress=progress, keep=lambda made: resources.add(lambda: _close(made, write))
        )
        with suppress(RuntimeError):
            resources.adopt(handle.get_pid())
        mounted, devices = _mount(handle, images[0], write, opening, progress, notes)
    except BaseException:
        # Nothing was written yet: it does not matter how the appliance ends.
        with suppress(TargetError):
            resources.close()
        raise
    found = path.stat()
    number = found.st_rdev or found.st_dev
    identity = f"{os.major(number)}:{os.minor(number)}-{found.st_ino}"
    return GuestfsTarget(
        handle, resources, name=str(path), identity=identity, write=write, notes=tuple(notes), mounted=mounted,
        devices=Devices(devices),
    )  # fmt: skip


def _image(path: Path, opening: Opening) -> DiskImage:
    if path.is_block_device():
        return DiskImage(path, "raw", 0)
    return image_at(path, opening.format, allow_backing=opening.allow_backing)


def _refuse_if_mounted(images: list[DiskImage]) -> None:
    """Only this machine's kernel may write to what it has mounted."""
    for image in images:
        if not image.path.is_block_device():
            if (device := attached_as(image.path)) is not None:
                raise TargetBusy(f"{image.path} is attached as {device}", f"Unmount it, then: losetup -d {device}")
            continue
        number = image.path.stat().st_rdev
        told = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
        for each in (told / "dev", *told.glob("*/dev")):
            major, minor = each.read_text().split(":")
            for mount in mounts_of(os.makedev(int(major), int(minor))):
                raise TargetBusy(
                    f"part of {image.path} is mounted at {mount.point}",
                    f"Use that folder instead: rescue fix {quote(mount.point)}",
                )


def _close(handle: Handle, write: bool) -> None:
    try:
        if write:
            handle.shutdown()
    except RuntimeError as problem:
        raise TargetError(
            f"libguestfs did not shut down cleanly: {problem}", "Check whether the change was made: rescue inspect"
        ) from problem
    finally:
        handle.close()


# -- which one -----------------------------------------------------------------------------------------------------


def _mount(
    handle: Handle, image: DiskImage, write: bool, opening: Opening, progress: Callable[[str], None], notes: list[str]
) -> tuple[dict[str, tuple[str, str]], tuple[Device, ...]]:
    """Mount the root and what belongs below it: mount point -> device, type; and all devices that there are."""
    seen = guestfs_volumes.seen(handle)
    volumes = seen.volumes
    locked = any(volume.found.type == "LUKS" for volume in volumes)
    if locked:
        progress("some of it is encrypted: opening it may take a minute")
    if locked and opening.has_key:
        seen, locked = guestfs_volumes.unlocked(handle, volumes, opening, write=write), False
        volumes = seen.volumes
    search = _roots(handle, volumes, opening.root, progress)
    if locked and not search.found:
        seen = guestfs_volumes.unlocked(handle, volumes, opening, write=write)
        volumes = seen.volumes
        search = _roots(handle, volumes, opening.root, progress)
    chosen, found = _only(image, volumes, search, opening.root)
    if write or search.mounted != chosen.name:
        handle.umount_all()
        try:
            waited(handle, partial(handle.mount_options, _options(chosen, write), chosen.name, "/"))
        except RuntimeError as problem:
            raise TargetError(
                f"{chosen.name} can't be mounted: {problem}", guestfs_volumes.checking(image, chosen)
            ) from problem
    mounted = {"/": (chosen.name, chosen.found.type)}
    if write and (count := guestfs_volumes.missing_disks(handle, chosen)):
        notes.append(
            f"{chosen.name} runs without {count} of its disks, which will miss the change: add them again on the "
            "server (mdadm --manage ARRAY --re-add DISK)"
        )
    notes += surplus(found.fstab)
    for each in belonging(found.fstab, chosen, volumes):
        point = each.wanted.point
        volume = each.volume
        if each.wanted.subvolume:
            volume = guestfs_volumes.subvolume(volume, each.wanted.subvolume) if volume else None
        if volume is None:
            notes.append(
                f"{point} is on {each.wanted.device!r}, which is not here: not checked "
                "(add the server's other disks with --disk)"
            )
        elif volume is not chosen:
            try:
                _below(handle, point)
                waited(handle, partial(handle.mount_options, _options(volume, write), volume.name, point))
                mounted[point] = (volume.name, volume.found.type)
            except RuntimeError as problem:
                reason = str(problem).rpartition(": ")[2]
                notes.append(f"{point} is on {volume.name}, which could not be mounted ({reason}): not checked")
    return mounted, seen.devices


def _options(volume: Volume, write: bool) -> str:
    cautious = f",{CAUTIOUS}" if volume.found.type in ("ext2", "ext3", "ext4") else ""
    return _OPTIONS + cautious + ("" if write else ",ro")


@dataclass
class _Search:
    """The server's roots; what could not be mounted, and why; the name of what is mounted at the end."""

    found: list[tuple[Volume, FoundRoot]] = field(default_factory=list)
    failed: list[tuple[Volume, str]] = field(default_factory=list)
    mounted: str = ""


def _roots(handle: Handle, volumes: tuple[Volume, ...], root: str | None, progress: Callable[[str], None]) -> _Search:
    """Search every volume, or those that `root` may mean."""
    candidates = [
        volume for volume in volumes
        if volume.found.type in guestfs_volumes.MOUNTABLE and (root is None or volume.is_called(root))
    ]  # fmt: skip
    search = _Search()
    for volume in candidates:
        if len(candidates) > 1:
            progress(f"reading {volume.name}")
        try:
            seen = _root_on(handle, volume, search)
        except RuntimeError as problem:
            search.failed.append((volume, f"{volume.name}: {_reason(problem)}"))
            continue
        if seen is not None:
            search.found.append(seen)
    return search


def _reason(problem: RuntimeError) -> str:
    """The useful part of mount(8)'s error."""
    said = str(problem)
    return f"{DAMAGED} (mount: wrong or damaged file system)" if "wrong fs type" in said else said.rpartition(": ")[2]


def _root_on(handle: Handle, volume: Volume, search: _Search) -> tuple[Volume, FoundRoot] | None:
    """The root on `volume`, or in one of the btrfs subvolumes that distributions keep it in. Raises RuntimeError."""
    inside = [guestfs_volumes.subvolume(volume, name) for name in SUBVOLUMES] if volume.found.type == "btrfs" else []
    for each in (volume, *inside):
        if search.mounted:
            handle.umount_all()
            search.mounted = ""
        try:
            waited(handle, partial(handle.mount_options, _options(each, False), each.name, "/"))
        except RuntimeError:
            if each is volume:
                raise
            continue
        search.mounted = each.name
        tree = Capture(GuestfsSource(handle)).tree(READS, ())
        if (seen := found_root(tree)) is not None:
            return each, seen
    return None


def _only(image: DiskImage, volumes: tuple[Volume, ...], search: _Search, root: str | None) -> tuple[Volume, FoundRoot]:
    found, failed = search.found, search.failed
    if len(found) == 1:
        return found[0]
    listed = "; ".join(f"{volume.name}: {volume.found.type}" for volume in volumes[:20]) or "nothing"
    if found:
        roots = [(guestfs_volumes.device_of(volume), f"{each.release}, {each.hostname!r}") for volume, each in found]
        raise SeveralRoots(str(image.path), roots)
    if root is not None and not any(volume.is_called(root) for volume in volumes):
        raise TargetError(f"{image.path} has no volume {root!r}: {listed}", "Choose one of these with --root.")
    if not any(volume.found.type in guestfs_volumes.MOUNTABLE for volume in volumes):
        raise no_volume(str(image.path), volumes)
    trouble = f"; could not be mounted: {'; '.join(told for _, told in failed)}" if failed else ""
    hint = guestfs_volumes.checking(image, failed[0][0]) if failed else "Is it the right image?"
    raise TargetError(f"there is no Linux system in {image.path} (found: {listed}{trouble})", hint)


def _below(handle: Handle, point: str) -> None:
    """Raise RuntimeError unless `point` is a directory, and no part of its path a link."""
    tree = Capture(GuestfsSource(handle)).tree([Read(point, depth=0)], ())
    entry = tree.lentry(point)
    if entry is None or not entry.is_dir or str(tree.resolve(point)) != point:
        raise RuntimeError(f"{point}: not a directory")
