"""Partition tables and file systems are told from their bytes, and hostile ones come to an end."""

from __future__ import annotations

import struct
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rescue.targets.disks.probe import Found, Partition, partitions, probe

pytestmark = pytest.mark.unit

SECTOR = 512


class Disk:
    """A sparse disk in memory."""

    def __init__(self, size: int, **parts: bytes) -> None:
        self.size = size
        self.parts: dict[int, bytes] = {int(at.lstrip("at_")): data for at, data in parts.items()}

    def put(self, at: int, data: bytes) -> Disk:
        self.parts[at] = data
        return self

    def read(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        found = bytearray(length)
        for at, data in self.parts.items():
            low, high = max(at, offset), min(at + len(data), offset + length)
            if low < high:
                found[low - offset : high - offset] = data[low - at : high - at]
        return bytes(found)


def mbr(*entries: tuple[int, int, int]) -> bytes:
    table = b"".join(struct.pack("<B3xB3xII", 0, kind, start, count) for kind, start, count in entries)
    return bytes(446) + table.ljust(64, b"\0") + b"\x55\xaa"


def gpt(disk: Disk, *parts: tuple[int, int, str], sector: int = SECTOR, at_end: bool = False) -> Disk:
    disk.put(0, mbr((0xEE, 1, 0xFFFFFFFF)))
    entries = b""
    for first, last, name in parts:
        kind, own = uuid.uuid5(uuid.NAMESPACE_DNS, "linux").bytes_le, uuid.uuid5(uuid.NAMESPACE_DNS, name).bytes_le
        entries += kind + own + struct.pack("<QQQ", first, last, 0) + name.encode("utf-16-le").ljust(72, b"\0")
    header = b"EFI PART" + bytes(64) + struct.pack("<QII", 2, 128, 128) + bytes(4)
    disk.put(disk.size - sector if at_end else sector, header)
    return disk.put(2 * sector, entries)


def test_a_file_system_says_how_large_it_is() -> None:
    block = bytearray(1024)
    struct.pack_into("<I", block, 4, 3)
    struct.pack_into("<I", block, 24, 2)
    block[56:58] = b"\x53\xef"
    assert probe(Disk(1 << 20).put(1024, bytes(block)).read).size == 3 * 4096
    struct.pack_into("<I", block, 24, 0xFFFFFFFF)
    assert probe(Disk(1 << 20).put(1024, bytes(block)).read).size == 0
    assert probe(Disk(1 << 20).put(0, b"XFSB" + struct.pack(">IQ", 4096, 7)).read).size == 7 * 4096


def test_a_disk_without_a_table_has_no_partitions() -> None:
    disk = Disk(1 << 20)
    assert partitions(disk.read, disk.size) == ()


def test_gpt_gives_start_size_name_and_identifier() -> None:
    disk = gpt(Disk(64 << 20), (2048, 4095, "EFI"), (4096, 8191, "root"))
    assert partitions(disk.read, disk.size) == (
        Partition(1, 2048 * 512, 2048 * 512, str(uuid.uuid5(uuid.NAMESPACE_DNS, "EFI")), "EFI"),
        Partition(2, 4096 * 512, 4096 * 512, str(uuid.uuid5(uuid.NAMESPACE_DNS, "root")), "root"),
    )


def test_gpt_on_sectors_of_4096_bytes() -> None:
    disk = gpt(Disk(64 << 20), (256, 511, "root"), sector=4096)
    assert [(each.start, each.size) for each in partitions(disk.read, disk.size)] == [(1 << 20, 1 << 20)]


def test_the_second_gpt_header_serves_where_the_first_is_gone() -> None:
    disk = gpt(Disk(64 << 20), (2048, 4095, "root"), at_end=True)
    assert [each.number for each in partitions(disk.read, disk.size)] == [1]


def test_mbr_with_logical_partitions() -> None:
    disk = Disk(64 << 20)
    disk.put(0, mbr((0x83, 2048, 2048), (0x05, 8192, 16384), (0x82, 4096, 2048)))
    disk.put(8192 * 512, mbr((0x83, 2048, 4096), (0x05, 8192, 8192)))
    disk.put((8192 + 8192) * 512, mbr((0x83, 2048, 1024)))
    assert [(each.number, each.start // 512, each.size // 512) for each in partitions(disk.read, disk.size)] == [
        (1, 2048, 2048),
        (5, 8192 + 2048, 4096),
        (6, 16384 + 2048, 1024),
        (3, 4096, 2048),
    ]


def test_a_chain_of_logical_partitions_that_bites_its_tail_ends() -> None:
    disk = Disk(64 << 20).put(0, mbr((0x05, 2048, 100_000)))
    disk.put(2048 * 512, mbr((0x83, 64, 64), (0x05, 0, 100)))
    assert [each.number for each in partitions(disk.read, disk.size)] == [5]


def test_partitions_beyond_the_end_are_cut_or_left_out() -> None:
    disk = Disk(4 << 20).put(0, mbr((0x83, 2048, 0xFFFFFFFF), (0x83, 0x7FFFFFFF, 1)))
    assert partitions(disk.read, disk.size) == (Partition(1, 1 << 20, 3 << 20),)


def test_a_file_systems_boot_sector_is_no_partition_table() -> None:
    fat = bytearray(512)
    fat[82:87] = b"FAT32"
    fat[446] = 0x41
    fat[510:] = b"\x55\xaa"
    disk = Disk(1 << 20).put(0, bytes(fat))
    assert partitions(disk.read, disk.size) == ()
    assert probe(disk.read).type == "vfat"


def ext4(incompatible: int) -> bytes:
    block = bytearray(1024)
    block[56:58] = b"\x53\xef"
    struct.pack_into("<I", block, 96, incompatible)
    block[104:120] = uuid.UUID(int=7).bytes
    block[120:124] = b"root"
    return bytes(block)


@pytest.mark.parametrize(("incompatible", "dirty"), [(0x2C2, False), (0x2C6, True)])
def test_ext4_tells_whether_its_journal_waits(incompatible: int, dirty: bool) -> None:
    disk = Disk(1 << 20).put(1024, ext4(incompatible))
    assert probe(disk.read) == Found("ext4", str(uuid.UUID(int=7)), "root", dirty)


@pytest.mark.parametrize(
    ("at", "magic", "kind"),
    [
        (0, b"LUKS\xba\xbe", "LUKS"),
        (512, b"LABELONE", "LVM"),
        (4096, b"\xfc\x4e\x2b\xa9", "RAID"),
        (4086, b"SWAPSPACE2", "swap"),
        (0, b"hsqs", "squashfs"),
        (0, b"XFSB", "xfs"),
        (0x10040, b"_BHRfS_M", "btrfs"),
        ((128 + 5) << 10, b"\x0c\xb1\xba\0\0\0\0\0", "ZFS"),
        (0, b"nothing", ""),
    ],
)
def test_magic_numbers(at: int, magic: bytes, kind: str) -> None:
    disk = Disk(1 << 20).put(at, magic)
    assert probe(disk.read).type == kind


@given(st.binary(max_size=2048), st.binary(max_size=2048), st.integers(0, 1 << 21))
@settings(max_examples=300, deadline=None)
def test_junk_never_raises(first: bytes, later: bytes, size: int) -> None:
    disk = Disk(size).put(0, first[:510].ljust(510, b"\xee") + b"\x55\xaa").put(512, b"EFI PART" + later)
    for each in partitions(disk.read, disk.size):
        assert 0 <= each.start < size
        assert 0 < each.size <= size - each.start
    probe(disk.read)
