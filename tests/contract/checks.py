"""What must hold for every target, as functions of an opened one. A failure names the promise that is broken."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from rescue.targets.protocol import TEMPORARY, Target, TargetBusy, TargetError
from rescue.tree import Entry, Kind, NotCaptured, Read, Tree
from tests.contract import sample

Open = Callable[[bool], Target]
"""Opens the sample, for writing if true."""

P = PurePosixPath


def capture_equals_what_was_written(target: Target) -> None:
    tree = target.capture(sample.READS)
    found, written = sample.seen(tree), sample.literal()
    assert found.keys() == written.keys()
    for path, entry in written.items():
        assert found[path] == entry, path


def hard_links_share_their_identity(target: Target) -> None:
    tree = target.capture([Read("/etc", depth=1)])
    assert [str(path) for path in tree.names_of("/etc/hard-1")] == ["/etc/hard-1", "/etc/hard-2"]
    one = tree.lentry("/etc/hard-1")
    assert one is not None
    assert one.nlink == 2


def sparse_files_take_less_than_their_size(target: Target) -> None:
    tree = target.capture([Read("/etc", depth=1)])
    entry = tree.lentry("/etc/sparse")
    assert entry is not None
    assert 0 < entry.allocated < entry.size


def what_is_too_large_is_named(target: Target) -> None:
    tree = target.capture([Read("/etc", depth=1)])
    assert tree.unread == (P("/etc/large"),)
    wider = target.capture([Read("/etc/large", limit=sample.LARGE)])
    assert wider.data("/etc/large") == bytes(sample.LARGE)


def links_are_followed_inside_the_root(target: Target) -> None:
    tree = target.capture([Read("/etc", depth=1)])
    assert tree.data("/etc/os-release") == sample.OS_RELEASE
    assert tree.data("/etc/absolute") == b"one\n"
    assert tree.data("/etc/upwards") == b"one\n"
    assert tree.data("/etc/link-to-odd") == b"odd\n"
    assert tree.data("/etc/loop-a") is None
    assert tree.entry("/etc/self") is None
    assert tree.entry("/etc/dangling") is None
    assert tree.entry("/etc/outwards") is None
    assert tree.children("/etc/folder-link") == ("one",)
    assert tree.data("/etc/folder-link/one") == b"one\n"


def only_what_was_asked_is_captured(target: Target) -> None:
    tree = target.capture([Read("/etc/ssh/sshd_config"), Read("/etc/nothing/here"), Read("/home", depth=1)])
    assert tree.data("/etc/ssh/sshd_config") is not None
    assert tree.entry("/etc/nothing/here") is None
    assert tree.children("/home") == ("alice",)
    for look in (
        lambda: tree.children("/etc"),
        lambda: tree.entry("/etc/passwd"),
        lambda: tree.entry("/home/alice/.ssh"),
        lambda: tree.entry("/srv"),
    ):
        with pytest.raises(NotCaptured):
            look()


def a_read_through_a_link_is_a_read_of_its_target(target: Target) -> None:
    tree = target.capture([Read("/etc/folder-link", depth=1), Read("/etc/folder-link/none", depth=0)])
    assert tree.data("/etc/folder-link/one") == b"one\n"
    assert tree.data("/srv/data/one") == b"one\n"
    assert tree.entry("/etc/folder-link/none") is None


def content_is_read_only_if_asked(target: Target) -> None:
    tree = target.capture([Read("/etc/ssh", content=False)])
    entry = tree.entry("/etc/ssh/sshd_config")
    assert entry is not None
    assert entry.data is None
    with pytest.raises(NotCaptured):
        tree.data("/etc/ssh/sshd_config")


def file_systems_are_measured(target: Target) -> None:
    tree = target.capture([Read("/etc/hostname")])
    found = tree.filesystem("/etc/hostname")
    assert found is not None
    assert found.type
    assert found.size > found.free >= found.available > 0


LOOKING = (
    capture_equals_what_was_written,
    hard_links_share_their_identity,
    sparse_files_take_less_than_their_size,
    what_is_too_large_is_named,
    links_are_followed_inside_the_root,
    only_what_was_asked_is_captured,
    a_read_through_a_link_is_a_read_of_its_target,
    content_is_read_only_if_asked,
    file_systems_are_measured,
)


# -- writing -------------------------------------------------------------------------------------------------------


def _now(target: Target, path: str) -> Entry | None:
    above = str(P(path).parent)
    return target.capture([Read(above, depth=1, limit=64 << 20)]).lentry(path)


def _entry(target: Target, path: str) -> Entry:
    """What is there."""
    found = _now(target, path)
    assert found is not None, path
    return found


def _assert_same(target: Target, path: str, wanted: Entry) -> None:
    found = _entry(target, path)
    assert found.same(wanted), (path, found, wanted)


def _no_temporary_file_is_left(tree: Tree) -> None:
    assert not [path for path in tree.paths() if path.name.startswith(TEMPORARY)]


def put_creates_and_replaces(target: Target) -> None:
    made = Entry(Kind.FILE, 0o640, 1000, 1001, size=4, data=b"new\n", mtime=sample.TIME)
    target.put(P("/etc/made"), made)
    _assert_same(target, "/etc/made", made)
    assert _entry(target, "/etc/made").mtime == sample.TIME
    again = replace(made, data=b"newer\n" * 1000, size=6000, mode=0o600, uid=0)
    target.put(P("/etc/made"), again)
    _assert_same(target, "/etc/made", again)


def put_sets_any_time(target: Target) -> None:
    """1970 itself, before it, and beyond what nanoseconds in 64 bits can say; now where no time is known."""
    made = Entry(Kind.FILE, 0o644, size=4, data=b"old\n")
    for time in (0, -1, -86_400 * 10**9, 10_413_792_000 * 10**9 + 123_456_789):
        target.put(P("/etc/timed"), replace(made, mtime=time))
        assert _entry(target, "/etc/timed").mtime == time
    target.put(P("/etc/timed"), made)
    assert sample.TIME < (_entry(target, "/etc/timed").mtime or 0) < 10_413_792_000 * 10**9
    target.remove(P("/etc/timed"))


def put_carries_attributes_over(target: Target) -> None:
    for path in ("/etc/acl", "/etc/capable", "/etc/noted", "/etc/setuid", "/etc/shadow"):
        before = _now(target, path)
        assert before is not None
        wanted = replace(before, data=b"changed\n", size=8)
        target.put(P(path), wanted)
        _assert_same(target, path, wanted)


def put_changes_attributes(target: Target) -> None:
    before = _now(target, "/etc/acl")
    assert before is not None
    other = struct.pack("<I", 2) + before.xattrs[0][1][4:].replace(struct.pack("<I", 1234), struct.pack("<I", 4321))
    wanted = replace(before, xattrs=(("system.posix_acl_access", other), ("user.why", b"because")))
    target.put(P("/etc/acl"), wanted)
    _assert_same(target, "/etc/acl", wanted)
    bare = replace(wanted, xattrs=(), mode=0o600)
    target.put(P("/etc/acl"), bare)
    _assert_same(target, "/etc/acl", bare)


def put_lifts_a_protecting_flag_and_restores_it(target: Target) -> None:
    for path in ("/etc/immutable", "/etc/append"):
        before = _now(target, path)
        assert before is not None
        assert before.flags
        wanted = replace(before, data=b"replaced\n", size=9)
        target.put(P(path), wanted)
        _assert_same(target, path, wanted)
        target.set_metadata(P(path), replace(wanted, mode=0o600))
        _assert_same(target, path, replace(wanted, mode=0o600))
        target.set_metadata(P(path), replace(wanted, flags=0))
        _assert_same(target, path, replace(wanted, flags=0))
        target.set_metadata(P(path), wanted)
        _assert_same(target, path, wanted)


def put_makes_what_is_no_file(target: Target) -> None:
    folder = Entry(Kind.DIR, 0o2750, 1000, 1001)
    link = Entry(Kind.LINK, 0o777, 1000, 1001, size=8, link="made/../x")
    fifo = Entry(Kind.FIFO, 0o620, 5, 6)
    device = Entry(Kind.CHAR, 0o600, rdev=os.makedev(1, 3))
    for path, entry in (("/srv/f", folder), ("/srv/l", link), ("/srv/p", fifo), ("/srv/c", device)):
        target.put(P(path), entry)
        found = _now(target, path)
        assert found is not None
        assert replace(found, size=0).same(replace(entry, size=0)), path
    target.put(P("/srv/f"), replace(folder, mode=0o700))
    _assert_same(target, "/srv/f", replace(folder, mode=0o700))
    target.put(P("/srv/l"), replace(link, link="elsewhere", size=9))
    _assert_same(target, "/srv/l", replace(link, link="elsewhere", size=9))
    # A file where the link was: the link itself is replaced, not what it points to.
    target.put(P("/srv/l"), sample.file(b"file\n"))
    _assert_same(target, "/srv/l", sample.file(b"file\n"))


def metadata_keeps_the_inode(target: Target) -> None:
    for path in ("/etc/hostname", "/home/alice", "/etc/fifo", "/etc/hard-1"):
        before = _now(target, path)
        assert before is not None
        wanted = replace(before, mode=0o711, uid=7, gid=8)
        target.set_metadata(P(path), wanted)
        _assert_same(target, path, wanted)
        after = _now(target, path)
        assert after is not None
        assert after.ident == before.ident
        assert after.nlink == before.nlink
        assert after.mtime == before.mtime
    _assert_same(target, "/etc/hard-2", replace(sample.literal()["/etc/hard-1"], mode=0o711, uid=7, gid=8))


def shorten_keeps_the_end(target: Target) -> None:
    lines = b"".join(b"line %07d of a log that has grown for too long\n" % number for number in range(20_000))
    target.put(P("/var/log/big"), sample.file(lines))
    before = _now(target, "/var/log/big")
    keep = 100_000
    target.shorten(P("/var/log/big"), keep)
    after = _now(target, "/var/log/big")
    assert before is not None
    assert after is not None
    assert after.data is not None
    assert lines.endswith(after.data)
    assert keep <= len(after.data) < keep + 8192
    assert after.ident == before.ident
    assert after.mode == before.mode
    target.shorten(P("/var/log/big"), 1 << 30)
    assert _entry(target, "/var/log/big").data == after.data
    target.shorten(P("/var/log/big"), 0)
    assert _entry(target, "/var/log/big").data == b""


def remove_removes(target: Target) -> None:
    names = ("immutable", "fifo", "socket", "char", "absolute", "self", "hard-1")
    for path in (f"/etc/{name}" for name in names):
        target.remove(P(path))
        assert _now(target, path) is None, path
    assert _now(target, "/srv/data/one") is not None
    assert _now(target, "/etc/hard-2") is not None
    target.remove(P("/etc/never/was"))
    target.remove(P("/srv/data/one"))
    target.remove(P("/srv/data"))
    assert _now(target, "/srv/data") is None
    with pytest.raises(TargetError):
        target.remove(P("/home"))


def no_link_leads_a_write_elsewhere(target: Target) -> None:
    target.put(P("/srv/real"), Entry(Kind.DIR, 0o755))
    target.put(P("/srv/real/file"), sample.file(b"mine\n"))
    target.put(P("/srv/lead"), Entry(Kind.LINK, 0o777, size=9, link="/srv/real"))
    changes: tuple[Callable[[], None], ...] = (
        lambda: target.put(P("/srv/lead/file"), sample.file(b"theirs\n")),
        lambda: target.set_metadata(P("/srv/lead/file"), sample.file(b"", 0o777)),
        lambda: target.shorten(P("/srv/lead/file"), 0),
        lambda: target.remove(P("/srv/lead/file")),
    )
    for change in changes:
        with pytest.raises(TargetError):
            change()
    _assert_same(target, "/srv/real/file", sample.file(b"mine\n"))


def the_lock_excludes_another(target: Target) -> None:
    with target.lock(), pytest.raises(TargetBusy), target.lock():
        pass
    with target.lock():
        pass


def nothing_temporary_is_left(target: Target) -> None:
    target.sync()
    _no_temporary_file_is_left(target.capture(sample.READS))


WRITING = (
    put_creates_and_replaces,
    put_sets_any_time,
    put_carries_attributes_over,
    put_changes_attributes,
    put_lifts_a_protecting_flag_and_restores_it,
    put_makes_what_is_no_file,
    metadata_keeps_the_inode,
    shorten_keeps_the_end,
    remove_removes,
    no_link_leads_a_write_elsewhere,
    the_lock_excludes_another,
    nothing_temporary_is_left,
)
"""In this order, on one target: each finds what the sample or an earlier one left."""
