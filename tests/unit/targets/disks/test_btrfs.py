"""Which devices of a btrfs belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescue.targets.disks.btrfs import put_together
from rescue.targets.disks.probe import Found, Partition
from rescue.targets.disks.sources import DiskSource, Piece
from rescue.targets.disks.volumes import Volume
from rescue.targets.host.resources import Resources
from rescue.targets.opening import Opening

pytestmark = pytest.mark.unit


@pytest.fixture
def pieces(tmp_path: Path) -> tuple[Piece, ...]:
    path = tmp_path / "disk"
    path.write_bytes(bytes(1024))
    return (Piece(DiskSource(path, Resources(), Opening(format="raw")), 0, 1024),)


def part(name: str, pieces: tuple[Piece, ...], *, number: int, of: int, uuid: str = "u", kind: str = "btrfs") -> Volume:
    return Volume(Partition(0, 0, 1024), Found(kind, uuid, devices=of, device=number), None, name, pieces)


def test_each_file_system_is_told_once(pieces: tuple[Piece, ...]) -> None:
    one, two = (part(f"/dev/vd{letter}", pieces, number=number, of=2) for number, letter in ((1, "a"), (2, "b")))
    alone = part("/dev/vdc", pieces, number=1, of=1, uuid="v")
    other = part("/dev/vdd", pieces, number=0, of=1, uuid="u", kind="ext4")
    found, lacking = put_together([(one, True), (alone, True), (other, False), (two, False)])
    assert [(volume.name, [each.name for each in volume.members], own) for volume, own in found] == [
        ("/dev/vda", ["/dev/vdb"], True), ("/dev/vdc", [], True), ("/dev/vdd", [], False),
    ]  # fmt: skip
    assert all(volume.mountable for volume, _ in found)
    assert not lacking


def test_what_lacks_a_device_is_not_mounted_and_a_copy_of_one_is_no_other(pieces: tuple[Piece, ...]) -> None:
    one, again = part("/dev/vda", pieces, number=1, of=3), part("/dev/vdb", pieces, number=1, of=3)
    ((volume, own),), lacking = put_together([(one, True), (again, True)])
    assert (volume.mountable, own, lacking) == (False, True, True)
    assert volume.read_only == "it spans 3 devices, and only one is here"
    assert not put_together([(one, False)])[1]
