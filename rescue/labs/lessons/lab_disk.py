"""The disk of a lab's server: made, copied, and found in use."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from rescue.labs.errors import LabError
from rescue.labs.images.image import BuiltImage, Progress, ensure_image, make_ext4
from rescue.labs.images.layout import stable_uuid
from rescue.labs.images.recipe import parse_size
from rescue.labs.lessons.paths import recipes_directory
from rescue.labs.lessons.scenario import Scenario
from rescue.labs.machines.machine import work_copy
from rescue.targets.host.image_lock import written_by_machine
from rescue.targets.host.mounts import mounts_of
from rescue.targets.protocol import TargetBusy
from rescue.text.numbers import size

MARGIN = 256 << 20
"""Bytes that are left free, for what the server and its repair write."""


FREED = 3.0
"""Seconds after which a loop device is free again at the latest, once what was on it is unmounted."""


def image_of(scenario: Scenario, progress: Progress) -> BuiltImage:
    """The image of the scenario's server, built if need be. Raises LabError."""
    return ensure_image(recipes_directory(), scenario.image, progress)


def make_lab_disk(image: BuiltImage, scenario: Scenario, disk: Path) -> None:
    """The healthy server's disk, as a file that may be written to. Raises LabError for want of room."""
    check_disks_room(image, scenario, disk.parent)
    fill_disk(image, scenario, disk)


def fill_disk(image: BuiltImage, scenario: Scenario, disk: Path) -> None:
    """The same where the room is known to be there."""
    if small := scenario.disk:
        # The UUID is the one that the server's fstab names.
        make_ext4(image.root, disk, small.size, inodes=small.inodes, uuid=stable_uuid(image.name))
    else:
        work_copy(image.disk, disk)


def check_disks_room(image: BuiltImage, scenario: Scenario, directory: Path) -> None:
    """Raise LabError where there is no room for the disk, and for the copy of what it was when the lab began."""
    small = scenario.disk
    check_room(directory, 2 * (parse_size(small.size) if small else image.disk.stat().st_blocks * 512))


def check_room(directory: Path, needed: int) -> None:
    """Raise LabError where `directory` has not room for so many bytes, and a margin."""
    free = shutil.disk_usage(directory).free
    if free < needed + MARGIN:
        raise LabError(
            f"{directory} has {size(free)} left, and the server's disk needs {size(needed + MARGIN)}",
            "Make room there, or set XDG_STATE_HOME to a directory with more (for all lab commands).",
        )


def replace_disk(source: Path, disk: Path) -> None:
    """Make `disk` what `source` is, at once or not at all."""
    check_room(disk.parent, source.stat().st_blocks * 512)
    new = disk.with_name(disk.name + ".new")
    work_copy(source, new).replace(disk)


def check_free(disk: Path) -> None:
    """Raise TargetBusy where somebody else has the disk open, and LabError where it is gone."""
    if not disk.is_file():
        raise LabError(f"the server's disk, {disk}, is not there any more", "rescue lab reset gives it back.")
    if written_by_machine(disk):
        raise TargetBusy(
            f"a running machine or guestfish has {disk} open",
            "End it first (guestfish: exit), so that all that it wrote is on the disk.",
        )
    deadline = time.monotonic() + FREED
    while (device := _loop_device(disk)) is not None:
        points = [mount.point for mount in mounts_of(device.stat().st_rdev)]
        if points:
            told = f"Leave that directory, and type: umount {points[0]}"
            raise TargetBusy(f"{disk} is still mounted at {' and '.join(points)}", told)
        if time.monotonic() > deadline:
            told = f"Detach it: losetup -d {device}. If it stays, a program elsewhere still has it mounted."
            raise TargetBusy(f"{disk} is still attached as {device}", told)
        time.sleep(0.1)


def _loop_device(disk: Path) -> Path | None:
    """The loop device that the disk is attached to."""
    for told in Path("/sys/class/block").glob("loop*/loop/backing_file"):
        try:
            if Path(told.read_text().rstrip("\n")).samefile(disk):
                return Path("/dev") / told.parent.parent.name
        except OSError:
            # It is freed just now, or its file is gone.
            continue
    return None
