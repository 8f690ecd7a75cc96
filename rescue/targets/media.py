"""Block devices and disk images: which backend opens them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from rescue.targets.appliance import target as guestfs
from rescue.targets.disks.image import image_at
from rescue.targets.disks.server_disks import Disk
from rescue.targets.disks.volumes import cut_off
from rescue.targets.host.resources import Resources
from rescue.targets.kernel import open_kernel
from rescue.targets.opening import Opening
from rescue.targets.protocol import OnlyKernel, Target, TargetError


def open_device(path: Path, *, write: bool, opening: Opening, progress: Callable[[str], None]) -> Target:
    """A block device: by this machine's kernel, unless libguestfs is asked for. Raises TargetError, TargetBusy."""
    if opening.backend == "guestfs":
        return guestfs.open_guestfs(path, write=write, opening=opening, progress=progress)
    return open_kernel(path, write=write, opening=opening, progress=progress)


def open_image(path: Path, *, write: bool, opening: Opening, progress: Callable[[str], None]) -> Target:
    """An image file: by libguestfs, unless the kernel is asked for. Raises as above, and OnlyKernel."""
    if opening.backend == "kernel":
        return open_kernel(path, write=write, opening=opening, progress=progress)
    image = image_at(path, opening.format, allow_backing=opening.allow_backing)
    if opening.backend == "auto" and not guestfs.available():
        raise OnlyKernel(str(path))
    try:
        return guestfs.open_guestfs(path, write=write, opening=opening, progress=progress)
    except TargetError as problem:
        alone = image.format == "raw" and opening.root is None and not opening.disks
        # The kernel does not show a partition that ends beyond the disk.
        if type(problem) is TargetError and alone and (short := _cut_off(path, opening)) is not None:
            raise short from problem
        raise


def _cut_off(path: Path, opening: Opening) -> TargetError | None:
    """The error if the raw image is smaller than its file systems say; None if it is not."""
    with closing(Resources()) as looking:
        volumes = Disk(path, looking, opening).volumes
    return next((short for volume in volumes if (short := cut_off(volume)) is not None), None)
