"""What lies in what on a disk is found, however deep, and comes to an end where it leads in a circle."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from rescue.targets.disks.server_disks import Disk
from rescue.targets.disks.volumes import Volume
from rescue.targets.host.resources import Resources
from tests.unit.targets.disks import test_lvm, test_probe, test_raid

pytestmark = pytest.mark.unit

MIB = 1 << 20


def volumes(path: Path) -> list[Volume]:
    with closing(Resources()) as resources:
        return list(Disk(path, resources).volumes)


def disk(path: Path, *parts: tuple[int, bytes], size: int = 64 * MIB) -> Path:
    with path.open("wb") as stream:
        stream.truncate(size)
        for at, data in parts:
            stream.seek(at)
            stream.write(data)
    return path


def test_a_logical_volume_in_a_partition_of_a_mirror(tmp_path: Path) -> None:
    start = 2048 * 512
    text = test_lvm.group(test_lvm.logical("root", test_lvm.linear(0, 2, "pv0", 1)))
    path = disk(
        tmp_path / "disk.img",
        (4096, test_raid.version_1(4096)),
        (start, test_probe.mbr((0x8E, 2048, 40_960))),
        (start + MIB, test_lvm.physical(text)),
        (start + MIB + 2 * MIB + 1024, test_probe.ext4(0)),
    )
    (root,) = volumes(path)
    assert (root.name, root.found.type) == ("/dev/vg/root", "ext4")
    assert [(piece.start, piece.size) for piece in root.pieces] == [(start + 3 * MIB, 2 * MIB)]
    assert "mirror" in root.read_only
    assert "of 2 disks" in root.note


def test_an_array_that_lies_in_itself_ends(tmp_path: Path) -> None:
    block = bytearray(test_raid.version_1(0))
    block[128:136] = bytes(8)
    volumes(disk(tmp_path / "disk.img", (0, bytes(block))))


def test_a_volume_that_ends_behind_its_disk_is_not_mounted(tmp_path: Path) -> None:
    text = test_lvm.group(test_lvm.logical("root", test_lvm.linear(0, 90, "pv0", 1)))
    (root,) = volumes(disk(tmp_path / "disk.img", (0, test_lvm.physical(text))))
    assert not root.mountable
    assert "beyond its disk" in root.describe()


def test_no_more_volumes_are_looked_at_than_a_server_has(tmp_path: Path) -> None:
    text = test_lvm.group("".join(test_lvm.logical(f"v{n}", test_lvm.linear(0, 1, "pv0", 1)) for n in range(3000)))
    image = bytearray(test_lvm.physical(text, area=900 << 10))
    assert 1 <= len(volumes(disk(tmp_path / "disk.img", (0, bytes(image))))) <= 512


def test_a_physical_volume_with_damaged_metadata_is_named(tmp_path: Path) -> None:
    image = bytearray(test_lvm.physical(test_lvm.TEXT))
    image[4096 + 600] ^= 0xFF
    (found,) = volumes(disk(tmp_path / "disk.img", (0, bytes(image))))
    assert (found.found.type, found.mountable) == ("LVM", False)
    assert "damaged" in found.describe()
