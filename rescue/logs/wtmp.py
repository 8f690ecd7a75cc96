"""wtmp(5): who has logged in from which address, as the C library records it.

Newer systems keep the same in a database (wtmpdb(8)); its table is read as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct

from rescue.formats.sqlite import rows, tables
from rescue.formats.sqlite_image import NotSqlite, image_of
from rescue.tree import Read, Tree

WTMP = ("/var/log/wtmp", "/var/log/wtmp.1")
DATABASE = "/var/lib/wtmpdb/wtmp.db"
LARGEST = 1 << 24
WTMP_READS = tuple(Read(path, depth=0, limit=LARGEST) for path in (*WTMP, DATABASE))

_RECORD = Struct("<h2xi32s4s32s256s4xi2i4I20x")
"""struct utmp of Linux on all of its 64-bit machines of little-endian order: 384 bytes."""
_USER = 7
"""ut_type of a login (USER_PROCESS)."""
_DATABASE_USER = 3
"""The same in wtmpdb's table."""


@dataclass(frozen=True, slots=True)
class Login:
    """One login over a network."""

    user: str
    address: IPv4Address | IPv6Address
    at: datetime


def logins(tree: Tree) -> Iterator[Login]:
    """The logins that are recorded, in no order. What is no record is passed over."""
    tree.require(*WTMP_READS)
    for path in WTMP:
        data = tree.data_if_read(path) or b""
        for record in _RECORD.iter_unpack(data[: len(data) // _RECORD.size * _RECORD.size]):
            kind, _, _, _, user, host, _, seconds, _, *words = record
            address = _address(host, words) if kind == _USER else None
            if address is not None:
                yield Login(_text(user), address, datetime.fromtimestamp(max(seconds, 0), UTC))
    yield from _of_database(tree.data_if_read(DATABASE) or b"")


def _of_database(data: bytes) -> Iterator[Login]:
    try:
        image = image_of(data)
        found = rows(image, "wtmp", ("Type", "User", "Login", "RemoteHost")) if "wtmp" in tables(image) else []
    except NotSqlite:
        return
    for kind, user, at, host in found:
        address = _parsed(host) if kind == _DATABASE_USER and isinstance(host, str) else None
        if address is not None and isinstance(at, int):
            yield Login(str(user), address, datetime.fromtimestamp(min(max(at / 1e6, 0), 4e9), UTC))


def _address(host: bytes, words: list[int]) -> IPv4Address | IPv6Address | None:
    raw = b"".join(word.to_bytes(4, "little") for word in words)
    if any(words[1:]):
        return IPv6Address(raw)
    return IPv4Address(raw[:4]) if words[0] else _parsed(_text(host))


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.strip())
    except ValueError:
        return None


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")
