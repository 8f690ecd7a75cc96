"""Cut the beginning off a file in place, on a disk that may have no free block left."""

from __future__ import annotations

import errno
import os

from rescue.targets.host.syscalls import FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, fallocate

NEAR = 4096
"""How far before the cut, in bytes, a line's start is looked for."""

_CHUNK = 1 << 20
_CANNOT = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ETXTBSY})


def shorten_file(descriptor: int, keep: int) -> None:
    """Keep at least the last `keep` bytes of the open regular file, and less than a block (or a line) more.

    fallocate(2) with FALLOC_FL_COLLAPSE_RANGE moves no data and is journaled (ext4, xfs); it cuts at a block's start.
    Elsewhere the front's blocks are given back first, then the tail is copied to the front, from a line's start where
    one is near. No byte is lost that was to be kept if it is interrupted: at worst a part is there twice.
    """
    found = os.fstat(descriptor)
    if keep >= found.st_size:
        return
    if keep <= 0:
        os.ftruncate(descriptor, 0)
        return
    block = max(found.st_blksize, 512)
    surplus = (found.st_size - keep) // block * block
    if surplus and _fallocated(descriptor, FALLOC_FL_COLLAPSE_RANGE, surplus):
        return
    start = _line_start(descriptor, found.st_size - keep)
    if start == 0:
        return
    _fallocated(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start // block * block)
    _move_to_front(descriptor, start)


def _fallocated(descriptor: int, mode: int, length: int) -> bool:
    if not length:
        return False
    try:
        fallocate(descriptor, mode, 0, length)
    except OSError as problem:
        if problem.errno in _CANNOT:
            return False
        raise
    return True


def _line_start(descriptor: int, cut: int) -> int:
    """The start of the line that holds the byte at `cut`, if it is less than NEAR bytes before it; else `cut`."""
    first = max(0, cut - NEAR)
    before = os.pread(descriptor, cut - first, first)
    at = before.rfind(b"\n")
    if at >= 0:
        return first + at + 1
    return 0 if first == 0 else cut


def _move_to_front(descriptor: int, start: int) -> None:
    read, written = start, 0
    while chunk := os.pread(descriptor, _CHUNK, read):
        read += len(chunk)
        left = memoryview(chunk)
        while left:
            count = os.pwrite(descriptor, left, written)
            left, written = left[count:], written + count
    # The copy is on the disk before its source is cut off.
    os.fsync(descriptor)
    os.ftruncate(descriptor, written)
