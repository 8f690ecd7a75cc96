"""The last start of a server, from utmp's records or, where there are none, from the random seed."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from rescue.targets.disks.last_boot import last_boot
from rescue.tree import Entry, Tree, file

pytestmark = pytest.mark.unit


def record(kind: int, seconds: int) -> bytes:
    """One of utmp(5), as last(1) reads them: 384 bytes."""
    names = (b"~", b"~~", b"reboot", b"6.1.0")
    return struct.pack("<hxxi32s4s32s256shhiIi16s20s", kind, 0, *names, 0, 0, 0, seconds, 0, b"", b"")


def server(**files: Entry | bytes) -> Tree:
    names = {"wtmp": "/var/log/wtmp", "seed": "/var/lib/systemd/random-seed"}
    return Tree.of({names[name]: value for name, value in files.items()})


def seed(seconds: int) -> Entry:
    return replace(file(b"x" * 32), mtime=seconds * 10**9 + 5)


def test_a_record_has_the_size_that_login_programs_write() -> None:
    assert len(record(2, 0)) == 384


def test_the_last_start_counts_and_logins_do_not() -> None:
    wtmp = record(2, 1_700_000_000) + record(7, 1_700_000_500) + record(2, 1_700_000_900) + record(8, 1_700_001_000)
    assert last_boot(server(wtmp=wtmp)) == 1_700_000_900


def test_without_records_the_random_seed_tells() -> None:
    assert last_boot(server(seed=seed(1_700_000_100))) == 1_700_000_100
    assert last_boot(server(wtmp=record(2, 1_600_000_000), seed=seed(1_700_000_100))) == 1_700_000_100


@pytest.mark.parametrize("wtmp", [b"", b"x", record(2, 5)[:-1], b"\xff" * 1000], ids=["empty", "short", "cut", "junk"])
def test_what_is_no_record_tells_nothing(wtmp: bytes) -> None:
    assert last_boot(server(wtmp=wtmp)) == 0
    assert last_boot(Tree.of({})) == 0
