"""systemd's journal files, read for single messages: when each was last written, and in which boot. Pure.

Format: systemd's docs/JOURNAL_FILE_FORMAT.md. A message is found by its bytes, without a walk through all entries:
equal messages are one object, which leads to the entries that hold it. Objects that are compressed (long messages) are
passed over. Files of a stranger: every offset is checked, every chain is bounded.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

SIGNATURE = b"LPKSHHRH"
MESSAGE = b"MESSAGE="

_COMPACT = 1 << 4
_COMPRESSED = 0b111
_DATA, _ENTRY, _ENTRY_ARRAY = 1, 3, 6
_OBJECT, _HEADER, _FULL_HEADER, _ENTRY_HEADER = 16, 208, 272, 64
_MOST_ARRAYS = 64
"""Arrays of one message that are followed: each is twice as long as the one before it."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message, and its newest entry. realtime: microseconds since the epoch; boot: that boot's id, as bytes."""

    text: str
    realtime: int
    boot: bytes


class JournalFile:
    """One file's bytes. Raises ValueError where they are no journal."""

    def __init__(self, data: bytes) -> None:
        if len(data) < _HEADER or not data.startswith(SIGNATURE):
            raise ValueError("not a journal")
        self._data = data
        (flags,) = struct.unpack_from("<I", data, 12)
        self._compact = bool(flags & _COMPACT)

    @property
    def last_boot(self) -> bytes:
        """The id of the boot that the newest entry is of."""
        return self._data[56:72]

    def messages(self, pattern: bytes, most: int) -> Iterator[Message]:
        """The messages that match the regular expression at their beginning, at most `most` of them."""
        payload = 72 if self._compact else 64
        for number, found in enumerate(re.finditer(re.escape(MESSAGE) + b"(?:" + pattern + b")", self._data)):
            if number >= most:
                return
            at = found.start() - payload
            length = self._object(at, _DATA)
            if length <= payload or self._data[at + 1] & _COMPRESSED:
                continue
            text = self._data[found.start() + len(MESSAGE) : at + length]
            if (entry := self._newest(at)) is not None:
                yield Message(text.decode(errors="replace"), *entry)

    def _object(self, at: int, kind: int) -> int:
        """The length of the object of that kind at the offset; 0 if there is none."""
        if at < _HEADER or at % 8 or at + _OBJECT > len(self._data) or self._data[at] != kind:
            return 0
        (length,) = struct.unpack_from("<Q", self._data, at + 8)
        return int(length) if _OBJECT <= length <= len(self._data) - at else 0

    def _newest(self, at: int) -> tuple[int, bytes] | None:
        """The time and the boot of the last entry that holds the data object."""
        first, array, count = struct.unpack_from("<QQQ", self._data, at + 40)
        last = first
        if count > 1:
            last = self._last_of(array) or first
        if self._object(last, _ENTRY) < _ENTRY_HEADER:
            return None
        realtime, _, boot = struct.unpack_from("<QQ16s", self._data, last + 24)
        return int(realtime), boot

    def _last_of(self, array: int) -> int:
        """The last entry of a chain of arrays, whose unused places are zero."""
        last = 0
        for _ in range(_MOST_ARRAYS):
            length = self._object(array, _ENTRY_ARRAY)
            if length < 24:
                break
            items = self._data[array + 24 : array + length]
            wide = 4 if self._compact else 8
            items = items[: len(items) // wide * wide].rstrip(b"\0")
            if items:
                # The last item ends within the stripped bytes, or has lost zeros of its own.
                start = (len(items) - 1) // wide * wide
                last = int.from_bytes(items[start : start + wide], "little")
            (array,) = struct.unpack_from("<Q", self._data, array + 16)
        return last


def written(messages: Iterable[Message], last_boot: bytes) -> bytes:
    """A journal file that holds these messages, each with that entry alone. For `JournalFile`, not for systemd."""
    made = bytearray(_FULL_HEADER)
    for message in messages:
        entry = _put(made, _ENTRY, struct.pack("<QQQ16sQ", 0, message.realtime, 0, message.boot, 0))
        told = struct.pack("<QQQQQQ", 0, 0, 0, entry, 0, 1) + MESSAGE + message.text.encode("utf-8", "replace")
        _put(made, _DATA, told)
    made[: len(SIGNATURE)] = SIGNATURE
    made[56:72] = last_boot
    return bytes(made)


def _put(made: bytearray, kind: int, body: bytes) -> int:
    at = len(made)
    made += struct.pack("<BB6xQ", kind, 0, _OBJECT + len(body)) + body
    made += bytes(-len(made) % 8)
    return at
