"""A disk or an image, mounted by this machine's kernel under a private directory.

Opened for reading, the disk is not changed at all, yet the snapshot includes an unreplayed journal: see
`rescue.targets.disks.volumes.Disk.mount_to_look`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from rescue.targets.disks.assemble import Belongs, belonging, surplus
from rescue.targets.disks.devices import of_a_disk
from rescue.targets.disks.image import attached_as
from rescue.targets.disks.roots import READS, SUBVOLUMES, FoundRoot, found_root
from rescue.targets.disks.server_disks import Disk
from rescue.targets.disks.volumes import Volume, cannot_mount, hint_for, listed, mount_to_write, no_volume
from rescue.targets.files.directory import DirectoryTarget
from rescue.targets.host.image_lock import busy, written_by_machine
from rescue.targets.host.mounts import mounts_of
from rescue.targets.host.openat import Root
from rescue.targets.host.resources import Resources
from rescue.targets.host.syscalls import MS_NOATIME, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY
from rescue.targets.opening import Opening
from rescue.targets.protocol import SeveralRoots, TargetBusy, TargetError
from rescue.tree import Devices, Read, Tree

METHOD = "kernel mount"
_SAFE = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME


class KernelTarget(DirectoryTarget):
    """The root at `path`, mounted by us; `close` unmounts it."""

    def __init__(
        self, path: str, resources: Resources, *, name: str, write: bool, notes: tuple[str, ...], identity: str,
        sources: dict[str, str], devices: Devices,
    ) -> None:  # fmt: skip
        super().__init__(
            path, name=name, method=METHOD, write=write, notes=notes, identity=identity, sources=sources,
            devices=devices,
        )  # fmt: skip
        self._resources = resources

    def close(self) -> None:
        """See `rescue.targets.protocol.Target.close`."""
        super().close()
        self._resources.close()


def open_kernel(path: Path, *, write: bool, opening: Opening, progress: Callable[[str], None]) -> DirectoryTarget:
    """The one server's root on the block device or in the image at `path`, and on the disks beside it.

    Raises TargetError where there is none, or more than one and `opening` does not say which; TargetBusy for writing
    to what is in use; TargetUnsafe for writing to one side of a mirror and the like.
    """
    if os.geteuid() != 0:
        raise TargetError(
            f"opening {path} needs root", "Run it with sudo; for an image, --backend guestfs works without root."
        )
    resources = Resources()
    try:
        return _open(path, resources, write=write, opening=opening, progress=progress)
    except OSError as problem:
        resources.close()
        hint = "The file system may be damaged, or the disk failing: copy it (ddrescue) and check the copy (fsck)."
        raise TargetError(f"{path} can't be read: {problem.strerror}", hint) from problem
    except BaseException:
        resources.close()
        raise


def _open(
    path: Path, resources: Resources, *, write: bool, opening: Opening, progress: Callable[[str], None]
) -> DirectoryTarget:
    opened, looking = Resources(), Resources()
    resources.add(opened.close)
    resources.add(looking.close)
    disk = Disk(path, looking, opening)
    if write:
        _refuse_if_busy(disk)
    mounted = None if write else _mounted_already(disk, opening.root)
    if mounted is not None:
        resources.close()
        return mounted
    volume, inside, found = _unlocked_and_chosen(disk, opened if write else looking, opening, progress, write=write)
    placed = _placed(disk, volume, found)
    # Notes about volumes that turned out to be others no longer apply.
    disk.notes.clear()
    notes = [*surplus(found.fstab), *([volume.note] if write and volume.note else [])]
    if not write and any(written_by_machine(source.path) for source in disk.sources if not source.is_device):
        notes.append("a running machine writes to this image: the snapshot may mix old and new data")
    attached = [attached_as(source.path) for source in disk.sources if not source.is_device]
    if not write and any(attached):
        notes.append(f"the image is attached as {next(filter(None, attached))}, and may change there meanwhile")
    point = resources.directory()
    if write:
        looking.close()
        device = mount_to_write(resources, volume, point)
    else:
        device = disk.mount_to_look(resources, volume, point)
    base = f"{point}/{inside}" if inside else str(point)
    sources = {"/": volume.name}
    _assemble(resources, disk, volume, device, base, placed, write, notes, sources)
    notes += disk.notes
    devices = of_a_disk(disk.volumes, is_device=disk.is_device)
    return KernelTarget(
        base, resources, name=str(path), write=write, notes=tuple(dict.fromkeys(notes)),
        identity=_identity(volume), sources=sources, devices=devices,
    )  # fmt: skip


# -- which one ----------------------------------------------------------------------------------------------------


def _unlocked_and_chosen(
    disk: Disk, resources: Resources, opening: Opening, progress: Callable[[str], None], *, write: bool
) -> tuple[Volume, str, FoundRoot]:
    """The root; a passphrase that was not given is asked for where no root is outside of what is encrypted."""
    if opening.has_key:
        disk.unlock(resources, write=write)
    try:
        return _choose(disk, opening.root, progress)
    except SeveralRoots:
        raise
    except TargetError:
        if not disk.unlock(resources, write=write):
            raise
    return _choose(disk, opening.root, progress)


def _choose(disk: Disk, root: str | None, progress: Callable[[str], None]) -> tuple[Volume, str, FoundRoot]:
    candidates = [volume for volume in disk.volumes if volume.mountable]
    if not candidates:
        raise no_volume(disk.name, disk.volumes)
    if root is not None:
        named = [volume for volume in disk.volumes if volume.is_called(root)]
        if not named:
            raise TargetError(
                f"{disk.name} has no volume {root!r}: {listed(disk.volumes)}", "Choose one of these with --root."
            )
        candidates = [volume for volume in named if volume.mountable]
        if not candidates:
            raise no_volume(f"{root!r} of {disk.name}", named)
    found: list[tuple[Volume, str, FoundRoot]] = []
    failed: list[TargetError] = []
    for volume in candidates:
        if len(candidates) > 1:
            progress(f"reading {volume.name}")
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
            f"there is no Linux system on {disk.name} ({listed(disk.volumes)})",
            hint_for(disk.volumes) or "Is it the right disk? See `rescue disks`.",
        )
    roots = [(root_word(volume, disk.volumes), f"{each.release}, {each.hostname!r}") for volume, _, each in found]
    raise SeveralRoots(disk.name, roots)


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen on a volume. inside: the directory (btrfs subvolume) of the root; tree: of what was read."""

    inside: str
    root: FoundRoot | None
    tree: Tree


def look_at(disk: Disk, volume: Volume) -> tuple[str, FoundRoot] | None:
    """The root on `volume`, and in which of its directories (btrfs subvolumes) it is; None if there is none."""
    seen = look_into(disk, volume, READS)
    return None if seen.root is None else (seen.inside, seen.root)


def look_into(disk: Disk, volume: Volume, reads: Sequence[Read]) -> Look:
    """What is on `volume`: `reads` of its root, or of its top directory where no root is. Raises TargetError."""
    resources = Resources()
    looks: list[Look] = []
    try:
        point = resources.directory()
        disk.mount_to_look(resources, volume, point)
        for inside in ("", *(SUBVOLUMES if volume.found.type == "btrfs" else ())):
            where = point / inside
            if inside and (where.is_symlink() or not where.is_dir()):
                continue
            target = DirectoryTarget(str(where))
            try:
                tree = target.capture(reads)
            finally:
                target.close()
            looks.append(Look(inside, found_root(tree), tree))
            if looks[-1].root is not None:
                break
    except OSError as problem:
        raise cannot_mount(volume, problem) from problem
    finally:
        resources.close()
    return looks[-1] if looks[-1].root is not None else looks[0]


def root_word(volume: Volume, volumes: Sequence[Volume]) -> str:
    """How a person names it after --root: of several disks, or of two volume groups of one name, by its UUID."""
    word = str(volume.partition.number) if volume.partition.number and not volume.group else volume.name
    return word if sum(each.is_called(word) for each in volumes) == 1 else f"UUID={volume.found.uuid}"


# -- what is in use -----------------------------------------------------------------------------------------------


def _refuse_if_busy(disk: Disk) -> None:
    for source in disk.sources:
        if source.is_device:
            continue
        if written_by_machine(source.path):
            raise busy(source.path)
        if (device := attached_as(source.path)) is not None:
            raise TargetBusy(f"{source.path} is attached as {device}", f"Unmount it, then: losetup -d {device}")
    for node in _nodes(disk):
        for mount in mounts_of(node.stat().st_rdev):
            raise TargetBusy(
                f"{node} is mounted at {mount.point}", f"Use that folder instead: rescue fix {quote(mount.point)}"
            )


def _mounted_already(disk: Disk, root: str | None) -> DirectoryTarget | None:
    """Read what is mounted for writing where it is mounted: its newest files may not be on the disk yet."""
    for volume in disk.volumes:
        if volume.node is None or (root is not None and not volume.is_called(root)):
            continue
        for mount in mounts_of(volume.node.stat().st_rdev):
            if mount.read_only or mount.root != "/":
                continue
            target = DirectoryTarget(
                mount.point, name=str(disk.path),
                notes=(f"{volume.node} is mounted at {mount.point}, and was read there",),
            )  # fmt: skip
            if found_root(target.capture(READS)) is not None:
                return target
            target.close()
    return None


def _nodes(disk: Disk) -> tuple[Path, ...]:
    named = [source.path for source in disk.sources if source.is_device]
    return tuple(dict.fromkeys([*named, *(volume.node for volume in disk.volumes if volume.node is not None)]))


def _identity(volume: Volume) -> str:
    """The identity for the lock: equal for all paths to one file system on a block device, or to one image."""
    found = (volume.node or volume.pieces[0].source.path).stat()
    device = stat.S_ISBLK(found.st_mode)
    number = found.st_rdev if device else found.st_dev
    inode = {"ext4": 2, "xfs": 128, "btrfs": 256}.get(volume.found.type, 0) if device else found.st_ino
    return f"{os.major(number)}:{os.minor(number)}-{inode}"


# -- what belongs below it ----------------------------------------------------------------------------------------


def _placed(disk: Disk, root: Volume, found: FoundRoot) -> tuple[Belongs, ...]:
    """The mounts of the server's fstab, found on its own disks or else on this machine's others."""
    placed = belonging(found.fstab, root, disk.volumes)
    if disk.is_device and any(each.volume is None for each in placed):
        return belonging(found.fstab, root, disk.everything())
    return placed


def _assemble(
    resources: Resources, disk: Disk, root: Volume, device: str, base: str, placed: tuple[Belongs, ...], write: bool,
    notes: list[str], sources: dict[str, str],
) -> None:  # fmt: skip
    """Mount what belongs below the root; say what is missing."""
    for each in placed:
        point, volume = each.wanted.point, each.volume
        if volume is None:
            notes.append(
                f"{point} is on {each.wanted.device!r}, which is not here: not checked "
                "(add the server's other disks with --disk)"
            )
            continue
        if volume is root and not each.wanted.subvolume:
            continue
        together = volume.disk == root.disk or (volume.group and volume.group == root.group)
        if disk.is_beside(volume) and not together and "label" in each.wanted.device.lower():
            # A label is less certain than a UUID: another server's disk may be here, too.
            notes.append(f"{point} is {each.wanted.device!r}: assumed to be {volume.name}, on another disk")
        if not volume.mountable:
            why = volume.read_only or volume.found.type or "unknown content"
            notes.append(f"{point} is on {volume.name} ({why}): not checked")
            continue
        try:
            _mount_below(resources, disk, root, volume, device, base, point, each.wanted.subvolume, write)
        except (OSError, TargetError) as problem:
            reason = problem.strerror if isinstance(problem, OSError) else str(problem)
            told = f"{point} is on {volume.name}, which could not be mounted ({reason}): not checked"
            hint = problem.hint if isinstance(problem, TargetError) else ""
            notes.append(f"{told}. {hint}" if hint else told)
            continue
        sources[point] = volume.name


def _mount_below(
    resources: Resources, disk: Disk, root: Volume, volume: Volume, device: str, base: str, point: str,
    subvolume: str, write: bool,
) -> None:  # fmt: skip
    with Root(os.open(base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as top:
        # Opened component by component and mounted by descriptor, so that a link on the disk can't redirect the mount.
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
                mount_to_write(resources, volume, where, unmount=unmount)
            else:
                disk.mount_to_look(resources, volume, where, unmount=unmount)
        finally:
            os.close(held)
