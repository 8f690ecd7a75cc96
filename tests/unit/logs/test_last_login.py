"""The last login: sshd's own message, and what wtmp, lastlog and lastlog2 note."""

from __future__ import annotations

import sqlite3
import struct
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import PurePosixPath

import pytest

from rescue.logs.events import in_order, of_journal
from rescue.logs.last_login import LastLogin, last_login
from rescue.tree import Tree
from tests.remembering import ACCEPTED, AT, FINGERPRINT, SSHD, UP, journal_of
from tests.unit.logs.test_wtmp import record

pytestmark = pytest.mark.unit

LOG = PurePosixPath("/var/log/journal/x/system.journal")
UIDS = {0: "root", 1000: "alice"}


def lastlog(uid: int, at: datetime, host: str) -> bytes:
    return bytes(292 * uid) + struct.pack("<I32s256s", int(at.timestamp()), b"pts/0", host.encode())


def of(files: dict[str, bytes], said: bytes = b"", until: datetime | None = None) -> LastLogin | None:
    return last_login(Tree.of(dict(files)), in_order(of_journal(said, LOG)), UIDS, until)


def test_sshd_says_all_of_it() -> None:
    found = of({}, journal_of(UP))
    assert found == LastLogin(
        "alice", ip_address("203.0.113.7"), AT + timedelta(seconds=5), LOG, "publickey", "ED25519", FINGERPRINT, 22
    )


def test_two_ports_are_no_port() -> None:
    found = of({}, journal_of([*UP[:4], (SSHD, "Server listening on 0.0.0.0 port 2222."), (SSHD, ACCEPTED)]))
    assert found is not None
    assert found.port is None


def test_a_mapped_address_is_the_one_of_ipv4_and_a_name_is_none() -> None:
    said = "Accepted password for bob from ::ffff:198.51.100.4 port 5 ssh2"
    found = of({}, journal_of([(SSHD, said)]))
    assert found is not None
    assert (found.user, str(found.address), found.method, found.fingerprint) == ("bob", "198.51.100.4", "password", "")
    named = of({}, journal_of([(SSHD, "Accepted password for bob from UNKNOWN port 5 ssh2")]))
    assert named is not None
    assert named.address is None


def test_what_wtmp_notes_of_the_same_login_is_no_other() -> None:
    at = int((AT + timedelta(seconds=6)).timestamp())
    data = bytearray(record("alice", "203.0.113.7"))
    struct.pack_into("<i", data, 340, at)
    found = of({"/var/log/wtmp": bytes(data)}, journal_of(UP))
    assert found is not None
    assert found.fingerprint == FINGERPRINT


def test_a_later_login_that_only_wtmp_or_lastlog_knows_counts() -> None:
    later = AT + timedelta(days=1)
    data = bytearray(record("root", "198.51.100.4"))
    struct.pack_into("<i", data, 340, int(later.timestamp()))
    for files in ({"/var/log/wtmp": bytes(data)}, {"/var/log/lastlog": lastlog(0, later, "198.51.100.4")}):
        found = of(files, journal_of(UP))
        assert found is not None
        assert (found.user, str(found.address), found.at, found.fingerprint) == ("root", "198.51.100.4", later, "")


def test_lastlog2_is_read() -> None:
    made = sqlite3.connect(":memory:")
    made.executescript(
        "CREATE TABLE Lastlog2(Name TEXT PRIMARY KEY, Time INTEGER, TTY TEXT, RemoteHost TEXT, "
        "PAM_Service TEXT) STRICT;"
        f"INSERT INTO Lastlog2 VALUES ('alice', {int(AT.timestamp())}, 'ssh', '203.0.113.7', 'sshd');"
        f"INSERT INTO Lastlog2 VALUES ('bob', {int(AT.timestamp()) + 99}, 'tty1', '', 'login');"
    )
    found = of({"/var/lib/lastlog/lastlog2.db": made.serialize()})
    assert found is not None
    assert (found.user, str(found.address), found.at) == ("alice", "203.0.113.7", AT)


def test_a_login_of_the_future_does_not_count() -> None:
    assert of({}, journal_of(UP), until=AT) is None


@pytest.mark.parametrize("path", ["/var/log/lastlog", "/var/lib/lastlog/lastlog2.db", "/var/log/wtmp"])
def test_junk_is_passed_over(path: str) -> None:
    found = of({path: bytes(range(256)) * 1200})
    assert found is None or found.at >= datetime(2000, 1, 1, tzinfo=UTC)


def test_a_local_login_is_none() -> None:
    assert of({"/var/log/lastlog": lastlog(1000, AT, ""), "/var/log/wtmp": record("bob", "", host="tty1")}) is None
