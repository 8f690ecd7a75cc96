"""Linux software RAID (md), read from the superblock of one member, without md.

One member of a mirror holds every byte: it can be read by itself, without assembling the array. What it
holds begins at the member's data offset. Sources: md(4), include/uapi/linux/raid/md_p.h.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from rescue.targets.disks.probe import ReadAt

_MAGIC = 0xA92B4EFC
_SECTOR = 512
_KIB64 = 64 << 10

_FEATURE_RECOVERY_OFFSET = 0x2
_ROLES_OUT = frozenset({0xFFFF, 0xFFFE, 0xFFFD})
"""Spare, faulty, journal: no part of the data."""


@dataclass(frozen=True, slots=True)
class Member:
    """What a superblock says: its array's UUID, name and level (1 for RAID1), and where its data lie in bytes.

    members: how many the array has. events: the higher, the newer. in_sync: it holds the array's data.
    """

    uuid: str
    name: str
    level: int
    members: int
    start: int
    size: int
    events: int
    in_sync: bool
    version: str


def read_member(read: ReadAt, size: int) -> Member | None:
    """The member of an array that the `size` bytes from offset 0 are, or None."""
    for version, at in (("1.2", 4096), ("1.1", 0), ("1.0", _at_end(size))):
        if at >= 0 and (found := _version_1(read(at, 4096), at, size, version)) is not None:
            return found
    at = (size & ~(_KIB64 - 1)) - _KIB64
    return _version_0(read(at, 4096), at) if at > 0 else None


def _at_end(size: int) -> int:
    return ((size // _SECTOR) - 16 & ~7) * _SECTOR


def _version_1(block: bytes, at: int, size: int, version: str) -> Member | None:
    if len(block) < 256 or struct.unpack_from("<II", block) != (_MAGIC, 1):
        return None
    features = struct.unpack_from("<I", block, 8)[0]
    level, _, length, _, members = struct.unpack_from("<iIQII", block, 72)
    start, _, own = struct.unpack_from("<QQQ", block, 128)
    number, events = struct.unpack_from("<I", block, 160)[0], struct.unpack_from("<Q", block, 200)[0]
    count = struct.unpack_from("<I", block, 220)[0]
    # A superblock at the end of the last partition lies near the end of the whole disk, too: it knows its own place.
    if own * _SECTOR != at or not start * _SECTOR < size or not 0 < length * _SECTOR <= size - start * _SECTOR:
        return None
    roles = struct.unpack_from(f"<{min(count, 384)}H", block, 256) if len(block) >= 256 + 2 * min(count, 384) else ()
    role = roles[number] if number < len(roles) else 0xFFFF
    return Member(
        block[16:32].hex(), block[32:64].split(b"\0")[0].decode("utf-8", "replace"), level, members,
        start * _SECTOR, length * _SECTOR, events,
        role not in _ROLES_OUT and not features & _FEATURE_RECOVERY_OFFSET, version,
    )  # fmt: skip


def _version_0(block: bytes, at: int) -> Member | None:
    """0.90, in the byte order of the machine that wrote it; only little-endian ones are known here."""
    if len(block) < 4096 or struct.unpack_from("<III", block) != (_MAGIC, 0, 90):
        return None
    first, _, level, kib, _, members = struct.unpack_from("<IIiIII", block, 20)
    rest = block[52:64]
    events = struct.unpack_from("<Q", block, 156)[0]
    # The descriptor of this very device is the last of the superblock: number, major, minor, role, state.
    state = struct.unpack_from("<I", block, 4096 - 128 + 16)[0]
    if not 0 < kib << 10 <= at:
        return None
    uuid = struct.pack("<I", first) + rest
    # Bit 1: active, bit 2: in sync (MD_DISK_ACTIVE, MD_DISK_SYNC).
    return Member(uuid.hex(), "", level, members, 0, kib << 10, events, state & 6 == 6, "0.90")
