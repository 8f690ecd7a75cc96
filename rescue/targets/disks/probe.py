"""What is on a disk: its partition table and its file systems, recognised by their first bytes.

Nothing here mounts or guesses: a magic number is there or it is not. The disk is untrusted; numbers read from it are
checked against its size. Sources: UEFI specification 2.10 chapter 5 (GPT), ext4's Documentation/filesystems/ext4,
xfs_format.h, btrfs_tree.h, and libblkid for the rest of the offsets.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ReadAt = Callable[[int, int], bytes]
"""Bytes of a disk at (offset, length); shorter at its end."""

_MAX_PARTITIONS = 256
_EXTENDED = frozenset({0x05, 0x0F, 0x85})
_PROTECTIVE = 0xEE
_UBERBLOCKS = (0x00BAB10C.to_bytes(8, "little"), 0x00BAB10C.to_bytes(8, "big"))

MOUNTABLE = frozenset({"ext4", "xfs", "btrfs", "f2fs"})
"""File systems that a Linux server's root is kept on, and that the kernel mounts without help."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: its number from 1, its start and size in bytes, its GPT identifier and name if it has them."""

    number: int
    start: int
    size: int
    partuuid: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a partition holds. type: "ext4", "xfs", "btrfs", "LVM", "LUKS", "RAID", "swap", "vfat", ... or "".

    dirty: a journal waits to be replayed; None if the superblock alone does not say. size: bytes that the file
    system says it has; 0 where that is not told. devices: how many a btrfs lies on; device: this one's number.
    """

    type: str
    uuid: str = ""
    label: str = ""
    dirty: bool | None = None
    size: int = 0
    devices: int = 1
    device: int = 0


def partitions(read: ReadAt, size: int) -> tuple[Partition, ...]:
    """The partitions of a disk of `size` bytes; () if it has no partition table, or an unreadable one."""
    first = read(0, 512)
    if len(first) < 512 or first[510:512] != b"\x55\xaa":
        return ()
    entries = _mbr_entries(first)
    if any(kind == _PROTECTIVE for kind, _, _ in entries):
        for sector in (512, 4096):
            found = tuple(_gpt(read, size, sector))
            if found:
                return found
        return ()
    if _looks_like_boot_sector(first, entries):
        return ()
    return tuple(_mbr(read, size, entries))


def probe(read: ReadAt) -> Found:
    """What the file system, volume or container that begins at offset 0 is."""
    for look in (_container, _ext, _xfs, _btrfs, _other):
        if (found := look(read)) is not None:
            return found
    return Found("")


# -- partition tables -----------------------------------------------------------------------------------------------


def _mbr_entries(sector: bytes) -> list[tuple[int, int, int]]:
    """(type, first sector, sectors) of the four entries."""
    found = []
    for at in range(446, 510, 16):
        start, count = struct.unpack_from("<II", sector, at + 8)
        found.append((sector[at + 4], start, count))
    return found


def _looks_like_boot_sector(sector: bytes, entries: list[tuple[int, int, int]]) -> bool:
    """True for the first sector of a FAT or NTFS file system, which ends with the same two bytes."""
    if any(sector[at] not in (0x00, 0x80) for at in range(446, 510, 16)):
        return True
    return not any(kind and start and count for kind, start, count in entries)


def _mbr(read: ReadAt, size: int, entries: list[tuple[int, int, int]]) -> Iterator[Partition]:
    for number, (kind, start, count) in enumerate(entries, 1):
        if not kind or not count or start * 512 >= size:
            continue
        if kind in _EXTENDED:
            yield from _logical(read, size, start)
        else:
            yield Partition(number, start * 512, min(count * 512, size - start * 512))


def _logical(read: ReadAt, size: int, extended: int) -> Iterator[Partition]:
    """The chain of logical partitions; a chain that comes back to where it was ends."""
    at, number, seen = extended, 5, set()
    while at not in seen and number < _MAX_PARTITIONS and at * 512 < size:
        seen.add(at)
        sector = read(at * 512, 512)
        if len(sector) < 512 or sector[510:512] != b"\x55\xaa":
            return
        (kind, start, count), (next_kind, next_start, _), *_ = _mbr_entries(sector)
        if kind and count and (at + start) * 512 < size:
            yield Partition(number, (at + start) * 512, min(count * 512, size - (at + start) * 512))
            number += 1
        if next_kind not in _EXTENDED:
            return
        at = extended + next_start


def _gpt(read: ReadAt, size: int, sector: int) -> Iterator[Partition]:
    header = read(sector, 92)
    if len(header) < 92 or header[:8] != b"EFI PART":
        # The copy at the end serves where the first was overwritten.
        header = read(max(0, size - sector), 92)
        if len(header) < 92 or header[:8] != b"EFI PART":
            return
    table, count, width = struct.unpack_from("<QII", header, 72)
    if not 128 <= width <= 4096 or table * sector >= size:
        return
    entries = read(table * sector, min(count, _MAX_PARTITIONS) * width)
    for number, at in enumerate(range(0, len(entries) - 127, width), 1):
        if entries[at : at + 16] == bytes(16):
            continue
        first, last = struct.unpack_from("<QQ", entries, at + 32)
        start = first * sector
        if last < first or start >= size:
            continue
        label = entries[at + 56 : at + 128].decode("utf-16-le", "replace").rstrip("\0")
        own = str(uuid.UUID(bytes_le=entries[at + 16 : at + 32]))
        yield Partition(number, start, min((last - first + 1) * sector, size - start), own, label)


# -- file systems -----------------------------------------------------------------------------------------------------


def _container(read: ReadAt) -> Found | None:
    head = read(0, 4096 + 512)
    if head[:6] in (b"LUKS\xba\xbe", b"SKUL\xba\xbe"):
        return Found("LUKS", _text(head[168:208]))
    if any(head[at : at + 8] == b"LABELONE" for at in range(0, 2048, 512)):
        return Found("LVM")
    if head[4096:4100] == b"\xfc\x4e\x2b\xa9" or head[:4] == b"\xfc\x4e\x2b\xa9":
        return Found("RAID")
    return None


def _ext(read: ReadAt) -> Found | None:
    """ext2, ext3 and ext4 are one driver in today's kernels: all are called ext4 here."""
    block = read(1024, 1024)
    if len(block) < 1024 or block[56:58] != b"\x53\xef":
        return None
    incompatible = struct.unpack_from("<I", block, 96)[0]
    if incompatible & 0x8:
        return Found("journal device")
    dirty = bool(incompatible & 0x4)
    low, shift = struct.unpack_from("<I", block, 4)[0], struct.unpack_from("<I", block, 24)[0]
    high = struct.unpack_from("<I", block, 0x150)[0] if incompatible & 0x80 else 0
    size = (high << 32 | low) << 10 + shift if shift <= 6 else 0
    return Found("ext4", str(uuid.UUID(bytes=block[104:120])), _text(block[120:136]), dirty, size)


def _xfs(read: ReadAt) -> Found | None:
    block = read(0, 512)
    if len(block) < 512 or block[:4] != b"XFSB":
        return None
    width, count = struct.unpack_from(">IQ", block, 4)
    return Found("xfs", str(uuid.UUID(bytes=block[32:48])), _text(block[108:120]), size=width * count)


def _btrfs(read: ReadAt) -> Found | None:
    block = read(0x10000, 4096)
    if len(block) < 4096 or block[64:72] != b"_BHRfS_M":
        return None
    log_root = struct.unpack_from("<Q", block, 96)[0]
    devices, device = struct.unpack_from("<Q", block, 136)[0], struct.unpack_from("<Q", block, 201)[0]
    identifier, label = str(uuid.UUID(bytes=block[32:48])), _text(block[299:555])
    return Found("btrfs", identifier, label, log_root != 0, devices=devices, device=device)


def _other(read: ReadAt) -> Found | None:
    page = read(0, 4096)
    if page[4086:4096] in (b"SWAPSPACE2", b"SWAP-SPACE"):
        return Found("swap", str(uuid.UUID(bytes=page[1036:1052])))
    if page[510:512] == b"\x55\xaa":
        if page[3:11] == b"NTFS    ":
            return Found("ntfs")
        for kind, serial in ((page[82:87], 67), (page[54:58], 39)):
            if kind.startswith(b"FAT"):
                number = struct.unpack_from("<I", page, serial)[0]
                return Found("vfat", f"{number >> 16:04X}-{number & 0xFFFF:04X}")
    if read(1024, 4) == b"\x10\x20\xf5\xf2":
        return Found("f2fs", str(uuid.UUID(bytes=read(1024 + 108, 16).ljust(16, b"\0"))))
    ring = read(128 << 10, 128 << 10)
    if any(ring[at : at + 8] in _UBERBLOCKS for at in range(0, len(ring), 1024)):
        return Found("ZFS")
    if page[:4] == b"hsqs":
        return Found("squashfs")
    if read(32769, 5) == b"CD001":
        return Found("iso9660")
    return None


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode("utf-8", "replace")
