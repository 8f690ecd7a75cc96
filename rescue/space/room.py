"""How much room a file system must have, and how much it lacks.

Blocks and inodes are judged apart: either can run out alone. ext2, ext3 and ext4 keep a reserve that only root's
processes may use (mke2fs(8), 5 % unless ``-m`` says otherwise), which statvfs(3) tells only while it is whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rescue.tree import FileSystem

MIB, GIB = 1 << 20, 1 << 30

NONE_LEFT = MIB
"""Bytes below which a file system counts as full: XFS and btrfs never give their last blocks away."""
LOW_BYTES = 64 * MIB
"""With less than this, or than a hundredth of a small file system, what a boot writes may fill it."""
LOW_INODES = 1000
GOAL_BYTES = GIB
"""The room that a repair makes, or a tenth of a smaller file system."""

READ_ONLY_BY_NATURE = frozenset({"squashfs", "erofs", "iso9660", "udf", "cramfs", "romfs"})
IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs"})
INODES_ON_DEMAND = frozenset({"btrfs", "xfs", "zfs", "bcachefs", "reiserfs"})
"""These make inodes out of free blocks, so what they call free inodes only says again how many blocks are free."""


class Resource(StrEnum):
    """What can run out."""

    BLOCKS = "blocks"
    INODES = "inodes"


class Level(StrEnum):
    """How far it has run out. RESERVE: only processes of root get any."""

    NONE = "none left"
    RESERVE = "only root's reserve left"
    LOW = "little left"


@dataclass(frozen=True, slots=True)
class Shortage:
    """One resource of one file system that has run out, or nearly. left: bytes or inodes (root's for NONE)."""

    filesystem: FileSystem
    resource: Resource
    level: Level
    left: int


def shortages(filesystem: FileSystem) -> tuple[Shortage, ...]:
    """What the file system lacks: (), or blocks, or inodes, or both. In memory or read-only by nature: always ()."""
    if filesystem.type in READ_ONLY_BY_NATURE | IN_MEMORY or filesystem.size <= 0:
        return ()
    found = []
    if filesystem.free < NONE_LEFT:
        found.append(Shortage(filesystem, Resource.BLOCKS, Level.NONE, filesystem.free))
    elif filesystem.available < NONE_LEFT:
        found.append(Shortage(filesystem, Resource.BLOCKS, Level.RESERVE, filesystem.free))
    elif filesystem.available < min(LOW_BYTES, filesystem.size // 100):
        found.append(Shortage(filesystem, Resource.BLOCKS, Level.LOW, filesystem.available))
    if filesystem.inodes > 0 and filesystem.type not in INODES_ON_DEMAND:
        if filesystem.inodes_free <= 0:
            found.append(Shortage(filesystem, Resource.INODES, Level.NONE, 0))
        elif filesystem.inodes_free < min(LOW_INODES, filesystem.inodes // 100):
            found.append(Shortage(filesystem, Resource.INODES, Level.LOW, filesystem.inodes_free))
    return tuple(found)


def lacks_room(shortage: Iterable[Shortage], resource: Resource) -> bool:
    """True if one of the shortages is of `resource`."""
    return any(each.resource is resource for each in shortage)


def goal_bytes(filesystem: FileSystem) -> int:
    """Bytes that should be available in the end: 1 GiB, or a tenth of a file system below 10 GiB."""
    return min(GOAL_BYTES, filesystem.size // 10)


def wanted_bytes(filesystem: FileSystem) -> int:
    """Bytes to give back until `goal_bytes` are available to everyone, the reserve filled up before; 0 if they are."""
    missing = max(0, filesystem.reserve - filesystem.free) if filesystem.available == 0 else 0
    return max(0, goal_bytes(filesystem) + missing - filesystem.available)


def wanted_inodes(filesystem: FileSystem) -> int:
    """Inodes to give back until 2 %, and at least 1000 (but at most a tenth, or one), are free; 0 if they are."""
    if filesystem.type in INODES_ON_DEMAND or filesystem.inodes <= 0:
        return 0
    goal = max(1, min(max(filesystem.inodes // 50, LOW_INODES), filesystem.inodes // 10))
    return max(0, goal - filesystem.inodes_free)
