"""systemd's journal files: their entries, newest first, and single messages found without a walk. Pure.

Format: systemd's docs/JOURNAL_FILE_FORMAT.md, the regular and the compact one. A field of an entry ("MESSAGE=...") is
an object of its own, which equal fields share and which leads to the entries that hold it. So a message is found by its
bytes, and then its entries. Files of a stranger: every offset is checked, every chain is bounded.
"""

from __future__ import annotations

import lzma
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rescue.logs.lz4 import Lz4Error, lz4_block
from rescue.logs.zstd import ZstdError, zstd_frame

SIGNATURE = b"LPKSHHRH"
MESSAGE = b"MESSAGE="

_COMPACT = 1 << 4
_COMPRESSED = 0b111
_XZ, _LZ4, _ZSTD = 1, 2, 4
_DATA, _ENTRY, _ENTRY_ARRAY = 1, 3, 6
_OBJECT, _HEADER, _FULL_HEADER, _ENTRY_HEADER = 16, 208, 272, 64
_FIRST_ARRAY, _COUNT = 176, 152
"""Where the header names the first array of all entries, and says how many there are: more were not finished."""
_MOST_ARRAYS = 64
"""Arrays of one chain that are followed: each is twice as long as the one before it."""
_MOST_FIELDS = 1024
"""Fields of one entry that are read: journald writes some 20, and takes at most 1024 of a client."""
_MOST_HITS = 20_000
"""Places of one word that are looked at: most are in messages, one in a few is in another field."""
_WORK = 400_000
"""Fields that one search for messages reads."""
_SHOWN = 400
"""Bytes of a message by which it is chosen."""
LONGEST = 1 << 20
"""Bytes of a compressed field, unpacked; a longer one is unread."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message, and its newest entry. realtime: microseconds since the epoch; boot: that boot's id, as bytes."""

    text: str
    realtime: int
    boot: bytes


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One entry. realtime, monotonic: microseconds since the epoch and since the boot. boot: its id, as bytes.

    fields: names and values in the file's order; a name may be there several times. unread: how many more fields it
    has that are damaged, or too long once they are unpacked.
    """

    seqnum: int
    realtime: int
    monotonic: int
    boot: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    unread: int = 0

    def value(self, name: bytes) -> bytes:
        """The first value of a field; empty where there is none."""
        return next((value for known, value in self.fields if known == name), b"")


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
        for number, found in enumerate(re.finditer(re.escape(MESSAGE) + b"(?:" + pattern + b")", self._data)):
            if number >= most:
                return
            at = found.start() - self._payload
            text = self._plain(at)
            if text is not None and (entry := self._newest(at)) is not None:
                yield Message(text[len(MESSAGE) :].decode(errors="replace"), *entry)

    def entries(self) -> Iterator[JournalEntry]:
        """All entries, the newest first."""
        (first,) = struct.unpack_from("<Q", self._data, _FIRST_ARRAY)
        (count,) = struct.unpack_from("<Q", self._data, _COUNT)
        for at in self._places(first, count):
            entry = self._entry(at)
            if entry is not None:
                yield entry

    def entries_with(self, marks: Sequence[bytes], most: int) -> Iterator[JournalEntry]:
        """The entries whose message has one of the words near its beginning, in no order.

        Of each word the `most` messages that are last in the file, each with its `most` newest entries: so a word that
        is everywhere crowds out no other. Fields that are compressed are unread.
        """
        data = self._data
        found = {mark: self._messages_with(mark, most) for mark in marks}
        work = _WORK
        # Of what is rare first, in case there is too much.
        for at in (at for places in sorted(found.values(), key=len) for at in places):
            if self._plain(at) is None or work < 0:
                continue
            first, array, count = struct.unpack_from("<QQQ", data, at + 40)
            known = {first}
            for place in self._places(array) if count > 1 else ():
                if len(known) > most:
                    break
                known.add(place)
            for place in known:
                if work >= 0 and (entry := self._entry(place, packed=False)) is not None:
                    work -= len(entry.fields) + entry.unread
                    yield entry

    def _messages_with(self, mark: bytes, most: int) -> list[int]:
        """Where the data objects are of the messages that have the word near their beginning, the last ones first."""
        data, payload, found = self._data, self._payload, dict[int, None]()
        # Word by word through the whole file, from the end: ten times quicker than message by message.
        at, looked = data.rfind(mark), 0
        while at >= 0 and len(found) < most and looked < _MOST_HITS:
            looked += 1
            start = data.rfind(MESSAGE, max(0, at - _SHOWN), at)
            place = start - payload
            if start >= 0 and (length := self._object(place, _DATA)) and place + length > at:
                found[place] = None
                at = start
            at = data.rfind(mark, 0, max(at, 0))
        return list(found)

    @property
    def _payload(self) -> int:
        """Where in a data object the field begins."""
        return 72 if self._compact else 64

    def _plain(self, at: int) -> bytes | None:
        """The field of the data object at the offset; None where there is none, or it is compressed."""
        length = self._object(at, _DATA)
        if length <= self._payload or self._data[at + 1] & _COMPRESSED:
            return None
        return self._data[at + self._payload : at + length]

    def _field(self, at: int) -> bytes | None:
        """The same, unpacked; None where it can't be."""
        length = self._object(at, _DATA)
        if length <= self._payload:
            return None
        packed = self._data[at + self._payload : at + length]
        how = self._data[at + 1] & _COMPRESSED
        return packed if not how else unpacked(packed, how)

    def _entry(self, at: int, *, packed: bool = True) -> JournalEntry | None:
        length = self._object(at, _ENTRY)
        if length < _ENTRY_HEADER:
            return None
        seqnum, realtime, monotonic, boot = struct.unpack_from("<QQQ16s", self._data, at + 16)
        wide, step = ("<I", 4) if self._compact else ("<Q8x", 16)
        items = self._data[at + _ENTRY_HEADER : at + length][: _MOST_FIELDS * step]
        fields: list[tuple[bytes, bytes]] = []
        unread = 0
        for (place,) in struct.iter_unpack(wide, items[: len(items) // step * step]):
            field = self._field(place) if packed else self._plain(place)
            name, equals, value = (field or b"").partition(b"=")
            if equals:
                fields.append((name, value))
            elif place:
                unread += 1
        return JournalEntry(seqnum, realtime, monotonic, boot, tuple(fields), unread)

    def _object(self, at: int, kind: int) -> int:
        """The length of the object of that kind at the offset; 0 if there is none."""
        if at < _HEADER or at % 8 or at + _OBJECT > len(self._data) or self._data[at] != kind:
            return 0
        (length,) = struct.unpack_from("<Q", self._data, at + 8)
        return int(length) if _OBJECT <= length <= len(self._data) - at else 0

    def _newest(self, at: int) -> tuple[int, bytes] | None:
        """The time and the boot of the last entry that holds the data object."""
        first, array, count = struct.unpack_from("<QQQ", self._data, at + 40)
        last = next(self._places(array), first) if count > 1 else first
        if self._object(last, _ENTRY) < _ENTRY_HEADER:
            return None
        realtime, _, boot = struct.unpack_from("<QQ16s", self._data, last + 24)
        return int(realtime), boot

    def _places(self, array: int, count: int = 0) -> Iterator[int]:
        """The places that a chain of arrays names, the last of the first `count` (0: of all) of them first.

        Places that are not used yet are zero.
        """
        chain: list[int] = []
        while len(chain) < _MOST_ARRAYS and self._object(array, _ENTRY_ARRAY) >= 24 and array not in chain:
            chain.append(array)
            (array,) = struct.unpack_from("<Q", self._data, array + 16)
        wide, step = ("<I", 4) if self._compact else ("<Q", 8)
        lengths = [(self._object(at, _ENTRY_ARRAY) - 24) // step for at in chain]
        left = [count - sum(lengths[:number]) if count else length for number, length in enumerate(lengths)]
        for at, length, most in zip(reversed(chain), reversed(lengths), reversed(left), strict=True):
            items = self._data[at + 24 : at + 24 + min(length, max(0, most)) * step]
            for place in range(len(items) - step, -1, -step):
                (found,) = struct.unpack_from(wide, items, place)
                if found:
                    yield found


def unpacked(packed: bytes, how: int) -> bytes | None:
    """A field that was compressed in the way that the object's flag names; None where it can't be unpacked here."""
    try:
        if how == _XZ:
            unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=64 << 20)
            found = unpacker.decompress(packed, LONGEST)
            return found if unpacker.eof else None
        if how == _LZ4:
            (size,) = struct.unpack_from("<Q", packed)
            return lz4_block(packed[8:], size) if size <= LONGEST else None
        if how == _ZSTD:
            return zstd_frame(packed, LONGEST)
    except (lzma.LZMAError, struct.error, Lz4Error, ZstdError):
        return None
    return None


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


def written_entries(entries: Sequence[JournalEntry], last_boot: bytes) -> bytes:
    """A journal file that holds these entries, whole, each field once. For `JournalFile`, not for systemd."""
    made = bytearray(_FULL_HEADER)
    fields = dict.fromkeys(field for entry in entries for field in entry.fields)
    room = {name: _put(made, _DATA, bytes(48) + b"=".join(name)) for name in fields}
    holding: dict[tuple[bytes, bytes], list[int]] = {field: [] for field in fields}
    places = []
    for entry in entries:
        head = struct.pack("<QQQ16sQ", entry.seqnum, entry.realtime, entry.monotonic, entry.boot, 0)
        items = b"".join(struct.pack("<QQ", room[field], 0) for field in entry.fields)
        at = _put(made, _ENTRY, head + items)
        places.append(at)
        for field in dict.fromkeys(entry.fields):
            holding[field].append(at)
    for field, found in holding.items():
        array = _put(made, _ENTRY_ARRAY, struct.pack(f"<{len(found)}Q", 0, *found[1:])) if len(found) > 1 else 0
        struct.pack_into("<QQQ", made, room[field] + 40, found[0], array, len(found))
    array = _put(made, _ENTRY_ARRAY, struct.pack(f"<{len(places) + 1}Q", 0, *places)) if places else 0
    struct.pack_into("<Q", made, _FIRST_ARRAY, array)
    struct.pack_into("<Q", made, _COUNT, len(places))
    made[: len(SIGNATURE)] = SIGNATURE
    made[56:72] = last_boot
    return bytes(made)


def _put(made: bytearray, kind: int, body: bytes) -> int:
    at = len(made)
    made += struct.pack("<BB6xQ", kind, 0, _OBJECT + len(body)) + body
    made += bytes(-len(made) % 8)
    return at
