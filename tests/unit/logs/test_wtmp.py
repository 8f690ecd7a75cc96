"""wtmp: who has logged in from where."""

from __future__ import annotations

import sqlite3
import struct
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest

from rescue.logs.wtmp import logins
from rescue.tree import Tree

pytestmark = pytest.mark.unit

AT = datetime(2026, 2, 20, 8, 0, tzinfo=UTC)


def record(user: str, address: str, kind: int = 7, host: str = "") -> bytes:
    """One record as login(3) writes it."""
    raw = ip_address(address).packed.ljust(16, b"\0") if address else bytes(16)
    text = (host or address).encode()
    return struct.pack("<hhi32s4s32s256shhiii16s20x", kind, 0, 1, b"pts/0", b"ts/0", user.encode(), text, 0, 0, 0,
                       int(AT.timestamp()), 0, raw)  # fmt: skip


def test_a_record_has_the_size_that_linux_gives_it() -> None:
    assert len(record("a", "192.0.2.1")) == 384


def test_logins_over_a_network_are_read_of_both_versions() -> None:
    data = record("alice", "192.0.2.1") + record("bob", "2001:db8::1") + record("carol", "", host="192.0.2.9")
    found = list(logins(Tree.of({"/var/log/wtmp": data})))
    assert [(each.user, str(each.address), each.at) for each in found] == [
        ("alice", "192.0.2.1", AT),
        ("bob", "2001:db8::1", AT),
        ("carol", "192.0.2.9", AT),
    ]


def test_what_is_no_login_over_a_network_is_passed_over() -> None:
    data = record("reboot", "", 2, "6.1.0") + record("alice", "192.0.2.1", 8) + record("bob", "", host="tty1") + b"cut"
    assert list(logins(Tree.of({"/var/log/wtmp": data}))) == []


def test_the_newer_database_is_read_too() -> None:
    made = sqlite3.connect(":memory:")
    made.executescript(
        "CREATE TABLE wtmp(ID INTEGER PRIMARY KEY, Type INTEGER, User TEXT NOT NULL, Login INTEGER, Logout INTEGER, "
        "TTY TEXT, RemoteHost TEXT, Service TEXT) STRICT;"
        f"INSERT INTO wtmp VALUES (1, 3, 'alice', {int(AT.timestamp())}000000, 0, 'pts/0', '192.0.2.1', 'sshd');"
        "INSERT INTO wtmp VALUES (2, 1, 'reboot', 0, 0, '~', '6.12', NULL);"
    )
    (found,) = logins(Tree.of({"/var/lib/wtmpdb/wtmp.db": made.serialize()}))
    assert (found.user, str(found.address), found.at) == ("alice", "192.0.2.1", AT)


@pytest.mark.parametrize("path", ["/var/log/wtmp", "/var/lib/wtmpdb/wtmp.db"])
def test_junk_is_passed_over(path: str) -> None:
    assert all(each.address for each in logins(Tree.of({path: bytes(range(256)) * 40})))
