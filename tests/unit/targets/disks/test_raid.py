"""A member of a software RAID is told from its superblock, wherever its version has it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rescue.targets.disks.probe import ReadAt
from rescue.targets.disks.raid import Member, read_member

pytestmark = pytest.mark.unit

SIZE = 64 << 20
END = (SIZE // 512 - 16 & ~7) * 512


def version_1(at: int, *, role: int = 0) -> bytes:
    level, start, length, events = 1, 2048, 100_000, 7
    block = bytearray(4096)
    struct.pack_into("<III", block, 0, 0xA92B4EFC, 1, 0)
    block[16:32] = bytes(range(16))
    block[32:40] = b"server:0"
    struct.pack_into("<iIQII", block, 72, level, 0, length, 0, 2)
    struct.pack_into("<QQQ", block, 128, start, length + 500, at // 512)
    struct.pack_into("<I", block, 160, 0)
    struct.pack_into("<Q", block, 200, events)
    struct.pack_into("<IH", block, 220, 128, 0)
    struct.pack_into("<HH", block, 256, role, 1)
    return bytes(block)


def read_of(at: int, block: bytes) -> ReadAt:
    def read(offset: int, length: int) -> bytes:
        disk = bytes(length)
        if offset <= at < offset + length or at <= offset < at + len(block):
            whole = {at + index: byte for index, byte in enumerate(block)}
            disk = bytes(whole.get(offset + index, 0) for index in range(length))
        return disk

    return read


@pytest.mark.parametrize(("at", "version"), [(4096, "1.2"), (0, "1.1"), (END, "1.0")])
def test_version_1(at: int, version: str) -> None:
    found = read_member(read_of(at, version_1(at)), SIZE)
    uuid = bytes(range(16)).hex()
    assert found == Member(uuid, "server:0", 1, 2, 2048 * 512, 100_000 * 512, 7, True, version)


def test_a_superblock_of_the_last_partition_is_not_the_whole_disks() -> None:
    assert read_member(read_of(END, version_1(END - (1 << 20))), SIZE) is None


@pytest.mark.parametrize("role", [0xFFFF, 0xFFFE])
def test_a_spare_or_faulty_member_has_not_the_data(role: int) -> None:
    found = read_member(read_of(4096, version_1(4096, role=role)), SIZE)
    assert found is not None
    assert not found.in_sync


def test_version_0_90() -> None:
    at = (SIZE & ~0xFFFF) - 0x10000
    block = bytearray(4096)
    struct.pack_into("<III", block, 0, 0xA92B4EFC, 0, 90)
    struct.pack_into("<IIiIII", block, 20, 1, 0, 1, 60_000, 2, 2)
    struct.pack_into("<Q", block, 156, 9)
    struct.pack_into("<IIIII", block, 4096 - 128, 0, 8, 0, 0, 6)
    found = read_member(read_of(at, bytes(block)), SIZE)
    assert found is not None
    assert (found.level, found.members, found.start, found.size) == (1, 2, 0, 60_000 << 10)
    assert (found.events, found.in_sync, found.version) == (9, True, "0.90")


@given(st.integers(0, 255), st.binary(min_size=1, max_size=64), st.sampled_from([4096, 0, END]))
@settings(max_examples=200, deadline=None)
def test_junk_never_raises(where: int, junk: bytes, at: int) -> None:
    block = bytearray(version_1(at))
    block[where : where + len(junk)] = junk
    found = read_member(lambda offset, length: bytes(block)[:length] if offset == at else bytes(length), SIZE)
    if found is not None:
        assert 0 < found.size <= SIZE - found.start
