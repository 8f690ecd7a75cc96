"""An image through libguestfs: its file systems are read by a small virtual machine, not by this machine's kernel.

Needs no root, and reads LVM, RAID and every image format; a launch takes a few seconds with KVM, half a minute without.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import PurePosixPath

from rescue.target import appliance
from rescue.target.appliance import Handle
from rescue.target.assemble import belonging
from rescue.target.capture import Capture
from rescue.target.guestfs_source import GuestfsSource
from rescue.target.guestfs_writing import GuestfsWriter
from rescue.target.image import Image, written_by_machine
from rescue.target.locking import locked
from rescue.target.probe import Found, Partition
from rescue.target.protocol import TargetBusy, TargetError
from rescue.target.resources import Resources
from rescue.target.roots import READS, FoundRoot, found_root
from rescue.target.volumes import Volume
from rescue.tree import Entry, FileSystem, Read, Tree

METHOD = "libguestfs"
_MOUNTABLE = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs"})
_OPTIONS = "noatime,nosuid,nodev,noexec"
_UNREADABLE_SHOWN = 3

available = appliance.available


class GuestfsTarget:
    """The root mounted in a running appliance."""

    method = METHOD

    def __init__(
        self, handle: Handle, resources: Resources, *, name: str, identity: str, write: bool, notes: tuple[str, ...],
        mounted: dict[str, tuple[str, str]],
    ) -> None:  # fmt: skip
        self.name = name
        self.handle = handle
        self._resources = resources
        self._identity = identity
        self._notes = notes
        self._mounted = mounted
        self._unreadable: list[str] = []
        self._writer = GuestfsWriter(handle) if write else None
        self._filesystems: tuple[FileSystem, ...] | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the person must know of the picture."""
        if not self._unreadable:
            return self._notes
        shown = ", ".join(self._unreadable[:_UNREADABLE_SHOWN])
        return (*self._notes, f"could not be read, and counts as empty: {shown}")

    def capture(self, reads: Iterable[Read]) -> Tree:
        """See `rescue.target.protocol.Target.capture`."""
        source = GuestfsSource(self.handle)
        tree = Capture(source).tree(reads, self.filesystems())
        entries = {str(path): entry for path in tree.paths() if (entry := tree.lentry(path)) is not None}
        flags = source.flags(entries.items())
        self._unreadable.extend(each for each in source.unreadable if each not in self._unreadable)
        return tree.with_entries({path: replace(entries[path], flags=bits) for path, bits in flags.items()})

    def filesystems(self) -> tuple[FileSystem, ...]:
        """The mounted file systems, measured once and again after something was written."""
        if self._filesystems is None:
            self._filesystems = tuple(self._measure(mount, *told) for mount, told in self._mounted.items())
        return self._filesystems

    def put(self, path: PurePosixPath, entry: Entry) -> None:
        """See `rescue.target.protocol.Target.put`."""
        self._writing().put(path, entry)

    def set_metadata(self, path: PurePosixPath, entry: Entry) -> None:
        """See `rescue.target.protocol.Target.set_metadata`."""
        self._writing().set_metadata(path, entry)

    def shorten(self, path: PurePosixPath, keep: int) -> None:
        """See `rescue.target.protocol.Target.shorten`."""
        self._writing().shorten(path, keep)

    def remove(self, path: PurePosixPath) -> None:
        """See `rescue.target.protocol.Target.remove`."""
        self._writing().remove(path)

    def sync(self) -> None:
        """See `rescue.target.protocol.Target.sync`."""
        self._writing().sync()

    def lock(self) -> AbstractContextManager[None]:
        """See `rescue.target.protocol.Target.lock`."""
        return locked(self._identity, self.name)

    def close(self) -> None:
        """Shut the appliance down, what was written with it on the disk."""
        self._resources.close()

    def _writing(self) -> GuestfsWriter:
        if self._writer is None:
            raise TargetError(f"{self.name} was opened for looking only")
        self._filesystems = None
        return self._writer

    def _measure(self, mount: str, device: str, kind: str) -> FileSystem:
        told = self.handle.statvfs(mount)
        block = told["frsize"]
        return FileSystem(
            mount, kind, told["blocks"] * block, told["bfree"] * block, told["bavail"] * block, told["files"],
            told["ffree"], source=device,
        )  # fmt: skip


def open_guestfs(
    image: Image, *, write: bool, root: str | None, progress: Callable[[str], None]
) -> GuestfsTarget:
    """The one server's root in `image`.

    Raises TargetError where libguestfs is not there or does not start, where there is no root, or more than one and
    `root` does not say which; TargetBusy for writing to an image that a running machine uses.
    """
    appliance.bindings()
    busy = written_by_machine(image.path)
    if busy and write:
        raise TargetBusy(f"a running machine uses {image.path}", "Shut the machine down first.")
    resources = Resources()
    try:
        notes = ["a running machine writes to this image: the picture may be half old, half new"] if busy else []
        handle = appliance.launched(
            image.path, image.format, write=write, progress=progress,
            keep=lambda made: resources.add(lambda: _close(made, write)),
        )  # fmt: skip
        mounted = _mount(handle, image, write, root, progress, notes)
    except BaseException:
        resources.close()
        raise
    found = image.path.stat()
    number = found.st_rdev or found.st_dev
    identity = f"{os.major(number)}:{os.minor(number)}-{found.st_ino}"
    return GuestfsTarget(
        handle, resources, name=str(image.path), identity=identity, write=write, notes=tuple(notes), mounted=mounted
    )


def _close(handle: Handle, write: bool) -> None:
    try:
        if write:
            handle.shutdown()
    except RuntimeError as problem:
        raise TargetError(
            f"libguestfs did not end in order: {problem}", "Look whether the change is there: rescue inspect"
        ) from problem
    finally:
        handle.close()


# -- which one -----------------------------------------------------------------------------------------------------


def _mount(
    handle: Handle, image: Image, write: bool, root: str | None, progress: Callable[[str], None], notes: list[str]
) -> dict[str, tuple[str, str]]:
    """Mount the root and what belongs below it: mount point -> device, type."""
    volumes = _volumes(handle)
    chosen, found = _choose(handle, image, volumes, root, progress)
    handle.umount_all()
    options = _OPTIONS + ("" if write else ",ro")
    try:
        handle.mount_options(options, chosen.name, "/")
    except RuntimeError as problem:
        raise TargetError(
            f"{chosen.name} can't be mounted: {problem}",
            "The file system may be damaged: check a copy of it with fsck.",
        ) from problem
    mounted = {"/": (chosen.name, chosen.found.type)}
    for each in belonging(found.fstab, chosen, volumes):
        point = each.wanted.point
        volume = each.volume
        if each.wanted.subvolume:
            volume = _subvolume(volume or chosen, each.wanted.subvolume, volumes)
        if volume is None:
            notes.append(f"{point} is on {each.wanted.device!r}, which is not in this image: it was not looked at")
        elif volume is not chosen:
            try:
                _below(handle, point)
                handle.mount_options(options, volume.name, point)
                mounted[point] = (volume.name, volume.found.type)
            except RuntimeError as problem:
                reason = str(problem).rpartition(": ")[2]
                notes.append(f"{point} is on {volume.name}, which could not be mounted ({reason}): not looked at")
    return mounted


def _volumes(handle: Handle) -> tuple[Volume, ...]:
    found = []
    for name, kind in handle.list_filesystems().items():
        if kind not in _MOUNTABLE:
            if kind not in ("swap", "vfat", "unknown"):
                found.append(Volume(Partition(0, 0, 0), Found(kind), None, name))
            continue
        number = re.search(r"^/dev/[hsv]d[a-z]+(\d+)$", name)
        partition = Partition(int(number[1]) if number else 0, 0, 0)
        told = Found(kind, _told(handle.vfs_uuid, name), _told(handle.vfs_label, name))
        found.append(Volume(partition, told, None, name))
    return tuple(found)


def _told(call: Callable[[str], str], name: str) -> str:
    try:
        return call(name)
    except (RuntimeError, UnicodeDecodeError):
        return ""


def _subvolume(volume: Volume, subvolume: str, volumes: Iterable[Volume]) -> Volume | None:
    """The btrfs subvolume of the same file system, which libguestfs lists as a volume of its own."""
    wanted = subvolume.strip("/")
    own = re.sub(r"^btrfsvol:(/dev/[^/]+).*", r"\1", volume.name)
    return next((each for each in volumes if each.name == f"btrfsvol:{own}/{wanted}"), None)


def _choose(
    handle: Handle, image: Image, volumes: tuple[Volume, ...], root: str | None, progress: Callable[[str], None]
) -> tuple[Volume, FoundRoot]:
    candidates = [volume for volume in volumes if volume.found.type in _MOUNTABLE]
    listed = "; ".join(f"{volume.name}: {volume.found.type}" for volume in volumes) or "nothing"
    if root is not None:
        candidates = [volume for volume in candidates if volume.is_called(root)]
        if not candidates:
            raise TargetError(f"{image.path} has no volume {root!r}: {listed}", "Name one of these after --root.")
    found: list[tuple[Volume, FoundRoot]] = []
    failed: list[str] = []
    for volume in candidates:
        if len(candidates) > 1:
            progress(f"looking at {volume.name}")
        try:
            handle.umount_all()
            handle.mount_options(_OPTIONS + ",ro", volume.name, "/")
            tree = Capture(GuestfsSource(handle)).tree(READS, ())
        except RuntimeError as problem:
            failed.append(f"{volume.name}: {problem}")
            continue
        if (seen := found_root(tree)) is not None:
            found.append((volume, seen))
    if len(found) == 1:
        return found[0]
    if not found:
        trouble = f"; could not be mounted: {'; '.join(failed)}" if failed else ""
        raise TargetError(
            f"there is no server's root in {image.path} (found: {listed}{trouble})", "Is it the right image?"
        )
    roots = "; ".join(f"{volume.name}: {each.release}, {each.hostname!r}" for volume, each in found)
    raise TargetError(
        f"there is more than one server's root in {image.path}: {roots}", f"Say which: --root {found[0][0].name}"
    )


def _below(handle: Handle, point: str) -> None:
    """Raise RuntimeError unless `point` is a directory, and no part of its path a link."""
    tree = Capture(GuestfsSource(handle)).tree([Read(point, depth=0)], ())
    entry = tree.lentry(point)
    if entry is None or not entry.is_dir or str(tree.resolve(point)) != point:
        raise RuntimeError(f"{point}: not a directory")
