"""Journal files for tests: of systemd's format (docs/JOURNAL_FILE_FORMAT.md) the data, the entries and their arrays."""

from __future__ import annotations

import struct
from collections.abc import Sequence

HEADER = 272


def journal(said: Sequence[tuple[str, bytes]], *, compact: bool = True) -> bytes:
    """A journal with these messages, each with its boot's id (16 bytes), a second apart. Equal ones are one object."""
    made = bytearray(HEADER)
    wide, payload = ("<I", 72) if compact else ("<Q", 64)
    entries: dict[str, list[int]] = {}
    for number, (text, boot) in enumerate(said):
        body = struct.pack("<QQQ16sQ", number, 1_700_000_000_000_000 + number * 1_000_000, number, boot, 0)
        entries.setdefault(text, []).append(_put(made, 3, body + bytes(8)))
    for text, places in entries.items():
        array = 0
        if len(places) > 1:
            # Places that are not used yet are zero.
            items = b"".join(struct.pack(wide, at) for at in places[1:]) + bytes(16)
            array = _put(made, 6, struct.pack("<Q", 0) + items)
        body = struct.pack("<QQQQQQ", 0, 0, 0, places[0], array, len(places)) + bytes(payload - 64)
        _put(made, 1, body + f"MESSAGE={text}".encode())
    made[:16] = b"LPKSHHRH" + struct.pack("<II", 0, 1 << 4 if compact else 0)
    made[56:72] = said[-1][1] if said else bytes(16)
    return bytes(made)


def _put(made: bytearray, kind: int, body: bytes) -> int:
    at = len(made)
    made += struct.pack("<BB6xQ", kind, 0, 16 + len(body)) + body
    made += bytes(-len(made) % 8)
    return at
