"""How far a qcow2 image extends according to its tables: an interrupted copy reads as zeros beyond its end.

Source: docs/interop/qcow2.txt of QEMU.
"""

from __future__ import annotations

import struct
import sys
from array import array
from typing import BinaryIO

_OFFSET = 0x00FF_FFFF_FFFF_FE00
_COMPRESSED = 1 << 62
_EXTENDED_L2 = 1 << 4
_MOST_L1 = 1 << 17
"""Entries that are looked at: 64 TiB of the usual clusters."""
_MOST_TABLES = 64
"""Second tables that are looked at, evenly spread: the usual one tells of 512 MiB."""


def furthest(stream: BinaryIO, head: bytes, size: int) -> int:
    """The highest place in the file where the tables say that something begins, as far as they were looked at.

    head: the first bytes of the file, at least 72. size: of the file. At least `size` means that it was cut off.
    """
    bits = struct.unpack_from(">I", head, 20)[0]
    entries, at = struct.unpack_from(">IQ", head, 36)
    if not 9 <= bits <= 21 or not entries or at >= size:
        return 0
    extended = len(head) >= 80 and head[7] == 3 and struct.unpack_from(">Q", head, 72)[0] & _EXTENDED_L2
    tables = sorted({entry & _OFFSET for entry in _words(stream, at, min(entries, _MOST_L1))} - {0})
    if not tables or tables[-1] >= size:
        return tables[-1] if tables else 0
    found = tables[-1]
    step = -(-len(tables) // _MOST_TABLES)
    for table in {*tables[::step], tables[-1]}:
        words = _words(stream, table, (1 << bits) // 8)[:: 2 if extended else 1]
        # Usually some cluster is plain and used once (bit 63); then the highest is not a compressed one.
        highest = max(words, default=0)
        found = max(found, 0 if highest & _COMPRESSED else highest & _OFFSET)
    return found


def _words(stream: BinaryIO, at: int, count: int) -> array[int]:
    """Big-endian words of 64 bits; fewer where the file ends."""
    stream.seek(at)
    data = stream.read(count * 8)
    words = array("Q", data[: len(data) // 8 * 8])
    if sys.byteorder == "little":
        words.byteswap()
    return words
