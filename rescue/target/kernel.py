"""A disk or an image, mounted by this machine's kernel under a private directory.

For looking, the disk stays as it is to the last byte, and yet the picture shows what an unreplayed journal holds: see
`rescue.target.volumes.Disk.mount_to_look`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from rescue.target.assemble import belonging
from rescue.target.beneath import Root
from rescue.target.directory import DirectoryTarget
from rescue.target.image import written_by_machine
from rescue.target.mounts import mounts_of
from rescue.target.protocol import TargetBusy, TargetError
from rescue.target.resources import Resources
from rescue.target.roots import READS, SUBVOLUMES, FoundRoot, found_root
from rescue.target.syscalls import MS_NOATIME, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY
from rescue.target.volumes import Disk, Volume, mount_to_write, no_volume

METHOD = "kernel mount"
_SAFE = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME


class KernelTarget(DirectoryTarget):
    """The root at `path`, mounted by us; `close` unmounts it."""

    def __init__(
        self, path: str, resources: Resources, *, name: str, write: bool, notes: tuple[str, ...], identity: str,
        sources: dict[str, str],
    ) -> None:  # fmt: skip
        super().__init__(
            path, name=name, method=METHOD, write=write, notes=notes, identity=identity, sources=sources
        )
        self._resources = resources

    def close(self) -> None:
        """See `rescue.target.protocol.Target.close`."""
        super().close()
        self._resources.close()


def open_kernel(path: Path, *, write: bool, root: str | None, progress: Callable[[str], None]) -> DirectoryTarget:
    """The one server's root on the block device or in the image at `path`.

    Raises TargetError where there is none, or more than one and `root` does not say which; TargetBusy for writing to
    what is in use.
    """
    if os.geteuid() != 0:
        raise TargetError(
            f"opening {path} needs root", "Run it with sudo; for an image, --backend guestfs works without root."
        )
    resources = Resources()
    try:
        return _open(path, resources, write=write, root=root, progress=progress)
    except BaseException:
        resources.close()
        raise


def _open(
    path: Path, resources: Resources, *, write: bool, root: str | None, progress: Callable[[str], None]
) -> DirectoryTarget:
    looking = Resources()
    resources.add(looking.close)
    disk = Disk(path, looking)
    if write:
        _refuse_if_busy(disk)
    mounted = None if write else _mounted_already(disk, root)
    if mounted is not None:
        resources.close()
        return mounted
    volume, inside, found = _choose(disk, root, progress)
    notes = list(disk.notes)
    if not disk.is_device and not write and written_by_machine(path):
        notes.append("a running machine writes to this image: the picture may be half old, half new")
    point = resources.directory()
    if write:
        looking.close()
        device = mount_to_write(resources, disk, volume, point)
    else:
        disk.notes.clear()
        device = disk.mount_to_look(resources, volume, point)
    base = f"{point}/{inside}" if inside else str(point)
    sources = {"/": volume.name}
    _assemble(resources, disk, volume, device, base, found, write, notes, sources)
    return KernelTarget(
        base, resources, name=str(path), write=write, notes=tuple(dict.fromkeys(notes)),
        identity=_identity(disk, volume), sources=sources,
    )  # fmt: skip


# -- which one ----------------------------------------------------------------------------------------------------


def _choose(disk: Disk, root: str | None, progress: Callable[[str], None]) -> tuple[Volume, str, FoundRoot]:
    candidates = [volume for volume in disk.volumes if volume.mountable]
    if not candidates:
        raise no_volume(disk)
    if root is not None:
        named = [volume for volume in disk.volumes if volume.is_called(root)]
        if not named:
            raise TargetError(f"{disk.path} has no volume {root!r}: {_listed(disk)}", "Name one of these after --root.")
        candidates = named
    found: list[tuple[Volume, str, FoundRoot]] = []
    failed: list[TargetError] = []
    for volume in candidates:
        if len(candidates) > 1:
            progress(f"looking at {volume.name}")
        try:
            seen = look_at(disk, volume)
        except TargetError as problem:
            failed.append(problem)
            continue
        if seen is not None:
            found.append((volume, *seen))
    if len(found) == 1:
        return found[0]
    if not found and failed:
        raise failed[0]
    if not found:
        raise TargetError(
            f"there is no server's root on {disk.path} ({_listed(disk)})", "Is it the right disk? See `rescue disks`."
        )
    roots = "; ".join(f"{volume.describe()}: {each.release}, {each.hostname!r}" for volume, _, each in found)
    raise TargetError(
        f"there is more than one server's root on {disk.path}: {roots}",
        f"Say which: --root {found[0][0].partition.number}",
    )


def look_at(disk: Disk, volume: Volume) -> tuple[str, FoundRoot] | None:
    """The root on `volume`, and in which of its directories (btrfs subvolumes) it is; None if there is none."""
    resources = Resources()
    try:
        point = resources.directory()
        disk.mount_to_look(resources, volume, point)
        for inside in ("", *(SUBVOLUMES if volume.found.type == "btrfs" else ())):
            where = point / inside
            if inside and (where.is_symlink() or not where.is_dir()):
                continue
            target = DirectoryTarget(str(where))
            try:
                if (found := found_root(target.capture(READS))) is not None:
                    return inside, found
            finally:
                target.close()
    finally:
        resources.close()
    return None


def _listed(disk: Disk) -> str:
    return "; ".join(volume.describe() for volume in disk.volumes)


# -- what is in use -----------------------------------------------------------------------------------------------


def _refuse_if_busy(disk: Disk) -> None:
    if not disk.is_device:
        if written_by_machine(disk.path):
            raise TargetBusy(f"a running machine uses {disk.path}", "Shut the machine down first.")
        if (device := _attached(disk.path)) is not None:
            raise TargetBusy(f"{disk.path} is attached as {device}", f"Unmount it, then: losetup -d {device}")
        return
    for node in _nodes(disk):
        for mount in mounts_of(node.stat().st_rdev):
            raise TargetBusy(f"{node} is mounted at {mount.point}", f"Repair it there: rescue fix {mount.point}")
        if any(Path(f"/sys/class/block/{node.name}/holders").glob("*")):
            raise TargetBusy(f"{node} is part of something bigger (LVM, RAID, encryption)", "See `rescue disks`.")


def _mounted_already(disk: Disk, root: str | None) -> DirectoryTarget | None:
    """What is mounted for writing must be looked at where it is: its newest files may not be on the disk yet."""
    for volume in disk.volumes:
        if volume.node is None or (root is not None and not volume.is_called(root)):
            continue
        for mount in mounts_of(volume.node.stat().st_rdev):
            if mount.read_only or mount.root != "/":
                continue
            target = DirectoryTarget(
                mount.point, name=str(disk.path),
                notes=(f"{volume.node} is mounted at {mount.point} and was looked at there",),
            )  # fmt: skip
            if found_root(target.capture(READS)) is not None:
                return target
            target.close()
    return None


def _nodes(disk: Disk) -> tuple[Path, ...]:
    return tuple({disk.path: 0, **{volume.node: 0 for volume in disk.volumes if volume.node is not None}})


def _attached(path: Path) -> str | None:
    """The loop device that somebody else has attached the image to."""
    for told in Path("/sys/class/block").glob("loop*/loop/backing_file"):
        try:
            if Path(told.read_text().rstrip("\n")).samefile(path):
                return f"/dev/{told.parent.parent.name}"
        except OSError:
            continue
    return None


def _identity(disk: Disk, volume: Volume) -> str:
    """What is locked: the same for every way to the same file system on a block device, or to the same image."""
    found = (volume.node or disk.path).stat()
    number = found.st_rdev if disk.is_device else found.st_dev
    inode = {"ext4": 2, "xfs": 128, "btrfs": 256}.get(volume.found.type, 0) if disk.is_device else found.st_ino
    return f"{os.major(number)}:{os.minor(number)}-{inode}"


# -- what belongs below it ----------------------------------------------------------------------------------------


def _assemble(
    resources: Resources, disk: Disk, root: Volume, device: str, base: str, found: FoundRoot, write: bool,
    notes: list[str], sources: dict[str, str],
) -> None:  # fmt: skip
    """Mount what the server's fstab has below its root and this disk holds; say what is missing."""
    for each in belonging(found.fstab, root, disk.volumes):
        point, volume = each.wanted.point, each.volume
        if volume is None:
            notes.append(f"{point} is on {each.wanted.device!r}, which is not on this disk: it was not looked at")
            continue
        if volume is root and not each.wanted.subvolume:
            continue
        if not volume.mountable:
            notes.append(f"{point} is on {volume.name} ({volume.found.type}): it was not looked at")
            continue
        try:
            _mount_below(resources, disk, root, volume, device, base, point, each.wanted.subvolume, write)
        except (OSError, TargetError) as problem:
            reason = problem.strerror if isinstance(problem, OSError) else str(problem)
            notes.append(f"{point} is on {volume.name}, which could not be mounted ({reason}): it was not looked at")
            continue
        sources[point] = volume.name


def _mount_below(
    resources: Resources, disk: Disk, root: Volume, volume: Volume, device: str, base: str, point: str,
    subvolume: str, write: bool,
) -> None:  # fmt: skip
    with Root(os.open(base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as top:
        # Opened link by link and mounted by its descriptor: a link on the disk can't lead the mount elsewhere.
        held = top.open(point, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            where, unmount = Path(f"/proc/self/fd/{held}"), base + point
            if volume is root:
                options = f"subvol={subvolume}"
                if "," in subvolume:
                    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
                flags = _SAFE if write else _SAFE | MS_RDONLY
                resources.mount(device, str(where), "btrfs", flags, options, unmount=unmount)
            elif write:
                mount_to_write(resources, disk, volume, where, unmount=unmount)
            else:
                disk.mount_to_look(resources, volume, where, unmount=unmount)
        finally:
            os.close(held)
