"""Whether a path is as before a change, as after it, or half-way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rescue.tree import Action, Change, Entry, directory, file, symlink
from rescue.undo_log import (
    Imprint,
    RecordedChange,
    Standing,
    recorded,
)
from tests.unit.undo_log.samples import CONFIG

pytestmark = pytest.mark.unit


def standing(before: Entry | None, after: Entry | None, present: Entry | None) -> Standing:
    listed, _ = recorded([Change(CONFIG, before, after)])
    return listed[0].standing(present)


@pytest.mark.parametrize(
    "before, after, present, expected",
    [
        (file("a"), file("b"), file("a"), Standing.BEFORE),
        (file("a"), file("b"), file("b"), Standing.AFTER),
        (file("a"), file("b"), file("c"), Standing.OTHER),
        (file("a"), file("b"), None, Standing.OTHER),
        (file("a"), file("b"), symlink("a"), Standing.OTHER),
        (file("a"), file("b", 0o600), file("b"), Standing.BETWEEN),
        (file("a"), file("b", 0o600), file("b", 0o640), Standing.OTHER),
        (None, file("b"), None, Standing.BEFORE),
        (None, file("b"), file("b"), Standing.AFTER),
        (None, file("b"), file("x"), Standing.OTHER),
        (None, directory(0o755, 7, 7), directory(0o700), Standing.BETWEEN),
        (None, directory(0o755, 7, 7), directory(0o700, 8, 8), Standing.OTHER),
        (file("a"), None, None, Standing.AFTER),
        (file("a"), None, file("a"), Standing.BEFORE),
        (file("a"), None, file("b"), Standing.OTHER),
        (directory(), file("b"), None, Standing.BETWEEN),
        (symlink("a"), symlink("b"), symlink("b"), Standing.AFTER),
        (symlink("a"), symlink("b"), symlink("c"), Standing.OTHER),
        (file("a", 0o644), file("a", 0o600, 5, 5), file("a", 0o644, 5, 5), Standing.BETWEEN),
        (file("a", 0o4755), file("a", 0o755, 5, 5), file("a", 0o755, 5, 0), Standing.BETWEEN),
        (file("a", 0o644), file("a", 0o600, 5, 5), file("a", 0o644, 6, 0), Standing.OTHER),
        (replace(file("a"), flags=0x10), replace(file("b"), flags=0x10), file("b"), Standing.BETWEEN),
        (replace(file("a"), flags=0x10), replace(file("b"), flags=0x10), file("a"), Standing.BETWEEN),
        (file("a"), file("b"), replace(file("b"), flags=0x80000), Standing.AFTER),
        (file("a"), file("b"), replace(file("b"), xattrs=(("security.selinux", b"new"),)), Standing.AFTER),
        (file("a"), file("b"), replace(file("b"), xattrs=(("user.x", b"new"),)), Standing.OTHER),
        (file("a"), file("b"), replace(file("b"), mtime=5), Standing.AFTER),
    ],
)
def test_a_path_stands(before: Entry | None, after: Entry | None, present: Entry | None, expected: Standing) -> None:
    assert standing(before, after, present) is expected


def test_an_acl_follows_the_mode_as_chmod_lets_it() -> None:
    entry, mask = b"%c\0%c\0\xff\xff\xff\xff", b"\x02\0\x06\0\xe8\x03\0\0\x10\0%c\0\xff\xff\xff\xff"

    def acl(user: int, group: int, others: int, masked: int | None = None) -> tuple[tuple[str, bytes], ...]:
        middle = mask % masked if masked is not None else b""
        parts = [b"\2\0\0\0", entry % (1, user), entry % (4, group), middle, entry % (0x20, others)]
        return (("system.posix_acl_access", b"".join(parts)),)

    before = replace(file("a", 0o644), xattrs=acl(6, 4, 4, 4))
    after = replace(before, mode=0o750)
    assert standing(before, after, replace(after, xattrs=acl(7, 4, 0, 5))) is Standing.AFTER
    assert standing(before, after, replace(after, xattrs=acl(7, 5, 0, 5))) is Standing.BETWEEN
    unmasked = replace(file("a", 0o644), xattrs=acl(6, 4, 4))
    assert standing(before, unmasked, replace(unmasked, mode=0o600, xattrs=acl(6, 0, 0))) is Standing.OTHER
    assert standing(before, replace(unmasked, mode=0o600), replace(unmasked, mode=0o600, xattrs=acl(6, 0, 0))) is (
        Standing.AFTER
    )


def test_a_lost_log_is_never_in_the_way() -> None:
    log = replace(file(""), data=None, size=9000)
    assert standing(log, None, None) is Standing.AFTER
    assert standing(log, None, log) is Standing.BEFORE
    assert standing(log, None, replace(log, size=10)) is Standing.AFTER
    assert standing(log, replace(log, size=100), replace(log, size=100)) is Standing.AFTER
    assert standing(log, replace(log, size=100), replace(log, size=9500)) is Standing.BEFORE


def test_a_recorded_change_is_told_apart_by_what_it_loses() -> None:
    two_steps = RecordedChange(CONFIG, Action.REPLACE, Imprint.of(directory()), Imprint.of(file("x")))
    assert two_steps.in_two_steps
    assert not replace(two_steps, before=Imprint.of(file("y"))).in_two_steps
