"""A SQLite database's bytes as the next program sees them: with a leftover WAL or rollback journal applied.

A database that was not closed has part of its content in a second file: the write-ahead log (``-wal``), whose
committed pages are newer than the database's, or the rollback journal (``-journal``), whose pages are what the
database held before a transaction that never ended. The layouts are those of SQLite's file format (fileformat2.html,
walformat.html) and of pager.c and wal.c of 3.40.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct, error
from typing import NamedTuple

WAL, JOURNAL = "-wal", "-journal"
"""What the names of the two files end in, behind the database's own name."""

HEADER = 100
"""Bytes of a database's header."""

_MAGIC = b"SQLite format 3\0"
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_WAL_MAGIC = (0x377F0682, 0x377F0683)
"""The second: its checksums are of big-endian words."""

_WAL_HEADER, _FRAME, _JOURNAL_HEADER, _NUMBER = Struct(">8I"), Struct(">6I"), Struct(">5I"), Struct(">I")
_FILE_FORMAT = slice(18, 20)
"""Where the header says whether the database uses a write-ahead log (2, 2) or a rollback journal (1, 1)."""

MOST_PAGES = 1 << 17
"""Pages that a database may have here: 512 MiB of the usual ones."""


class NotSqlite(ValueError):
    """The bytes are not a SQLite database, or it is damaged, or reading it needs too much."""


class DatabaseImage(NamedTuple):
    """A whole database. data: in a form that needs no second file. wal: whether it is meant to be used with one."""

    data: bytes
    wal: bool


def image_of(data: bytes, wal: bytes = b"", journal: bytes = b"") -> DatabaseImage:
    """The database whose file holds `data`, with the content of its two companions. Raises NotSqlite."""
    if is_hot(journal):
        data = _rolled_back(data, journal)
    if wal:
        data = _with_log(data, wal)
    if not data.startswith(_MAGIC) or len(data) < HEADER:
        raise NotSqlite("not a SQLite database")
    size = page_size(data)
    if len(data) // size > MOST_PAGES:
        raise NotSqlite("the database is too large")
    uses_log = data[_FILE_FORMAT] == b"\2\2"
    return DatabaseImage(data[:18] + b"\1\1" + data[20:] if uses_log else data, uses_log)


def file_of(image: bytes, *, wal: bool) -> bytes:
    """The bytes of the database's file, with the mark of a write-ahead log if it is to be used with one."""
    return image[:18] + b"\2\2" + image[20:] if wal else image


def page_size(data: bytes) -> int:
    """Bytes of a page, as the header says. Raises NotSqlite."""
    size = int.from_bytes(data[16:18], "big")
    return _checked(65536 if size == 1 else size)


def is_hot(journal: bytes) -> bool:
    """Whether a rollback journal belongs to a transaction that was cut off: a zeroed header says that it ended."""
    return journal.startswith(_JOURNAL_MAGIC)


def _checked(size: int) -> int:
    if not 512 <= size <= 65536 or size & (size - 1):
        raise NotSqlite(f"a page can't have {size} bytes")
    return size


# -- the write-ahead log -----------------------------------------------------------------------------------------------


def _with_log(data: bytes, wal: bytes) -> bytes:
    pages, count, size = _committed(wal)
    if not count:
        return data
    if count > MOST_PAGES:
        raise NotSqlite("the database is too large")
    if data.startswith(_MAGIC) and page_size(data) != size:
        raise NotSqlite("the write-ahead log has pages of another size")
    whole = bytearray(data[: count * size].ljust(count * size, b"\0"))
    for number, page in pages.items():
        if number <= count:
            whole[(number - 1) * size : number * size] = page
    return bytes(whole)


def _committed(wal: bytes) -> tuple[dict[int, bytes], int, int]:
    """The newest committed page for each number, how many pages the database then has (0: none), and their size."""
    if len(wal) < _WAL_HEADER.size:
        return {}, 0, 0
    magic, version, size, _, salt, other_salt, *check = _WAL_HEADER.unpack_from(wal)
    big = magic == _WAL_MAGIC[1]
    if magic not in _WAL_MAGIC or version != 3007000 or tuple(check) != (so_far := _sum(wal[:24], (0, 0), big)):
        return {}, 0, 0  # wal.c: a header that does not add up is that of an empty log
    _checked(size)
    committed: dict[int, bytes] = {}
    pending: dict[int, bytes] = {}
    count, at = 0, _WAL_HEADER.size
    while at + _FRAME.size + size <= len(wal):
        number, pages, one, two, *check = _FRAME.unpack_from(wal, at)
        page = wal[at + _FRAME.size : at + _FRAME.size + size]
        so_far = _sum(page, _sum(wal[at : at + 8], so_far, big), big)
        if (one, two) != (salt, other_salt) or tuple(check) != so_far or not number:
            break
        pending[number] = page
        if pages:
            committed.update(pending)
            pending.clear()
            count = pages
        at += _FRAME.size + size
    return committed, count, size


def _sum(data: bytes, start: tuple[int, int], big: bool) -> tuple[int, int]:
    """The running checksum of wal.c (walChecksumBytes): of 32-bit words, in pairs."""
    one, two = start
    words = Struct(f"{'>' if big else '<'}{len(data) // 4}I").unpack(data)
    for at in range(0, len(words), 2):
        one = (one + words[at] + two) & 0xFFFFFFFF
        two = (two + words[at + 1] + one) & 0xFFFFFFFF
    return one, two


# -- the rollback journal ----------------------------------------------------------------------------------------------


def _rolled_back(data: bytes, journal: bytes) -> bytes:
    if journal.endswith(_JOURNAL_MAGIC):
        # The name of another journal precedes it: the transaction spanned several databases.
        raise NotSqlite("a transaction over several databases was cut off in it")
    whole: bytearray | None = None
    for number, page, count in _before(journal):
        if whole is None:
            whole = bytearray(data[: count * len(page)].ljust(count * len(page), b"\0"))
        if 0 < number <= count:
            whole[(number - 1) * len(page) : number * len(page)] = page
    return data if whole is None else bytes(whole)


def _before(journal: bytes) -> Iterator[tuple[int, bytes, int]]:
    """The pages as they were: number, content, and of how many pages the database was."""
    at, first = 0, True
    count = sector = size = 0
    while journal[at : at + 8] == _JOURNAL_MAGIC:
        try:
            records, nonce, pages, sectors, sizes = _JOURNAL_HEADER.unpack_from(journal, at + 8)
        except error:
            return
        if first:
            count, sector, size, first = pages, sectors, _checked(sizes), False
            if not 32 <= sector <= 65536 or sector & (sector - 1) or count > MOST_PAGES:
                raise NotSqlite("the rollback journal is damaged")
        at += sector
        for _ in range(records if records != 0xFFFFFFFF else len(journal)):
            end = at + 4 + size
            if end + 4 > len(journal):
                return
            page = journal[at + 4 : end]
            total = (nonce + sum(page[size - 200 : 0 : -200])) & 0xFFFFFFFF
            if total != _NUMBER.unpack_from(journal, end)[0]:
                return
            yield _NUMBER.unpack_from(journal, at)[0], page, count
            at = end + 4
        at = -(-at // sector) * sector
