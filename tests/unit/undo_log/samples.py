"""Records and changes for tests: literal ones, and any that a disk may hold."""

from __future__ import annotations

from pathlib import PurePosixPath

from hypothesis import strategies as st

from rescue.tree import Change, Entry, Kind, file
from rescue.undo_log import (
    Record,
    State,
    recorded,
)
from rescue.undo_log.encoding import FURTHEST

ID = "20261122T184500Z"
CONFIG = PurePosixPath("/etc/ssh/sshd_config")


def record_of(*changes: Change) -> Record:
    return Record(ID, 1, State.DONE, started="2026-11-22T18:45:00+00:00", changes=recorded(changes)[0])


def replaced(old: Entry | str = "old\n", new: Entry | str = "new\n", path: PurePosixPath = CONFIG) -> Change:
    return Change(path, old if isinstance(old, Entry) else file(old), new if isinstance(new, Entry) else file(new))


names = st.binary(min_size=1, max_size=20).filter(lambda raw: not set(b"/\0") & set(raw) and raw not in (b".", b".."))
paths = st.lists(names, min_size=1, max_size=4).map(
    lambda parts: PurePosixPath("/" + b"/".join(parts).decode("utf-8", "surrogateescape"))
)
modes = st.integers(0, 0o7777)
ids = st.integers(0, (1 << 32) - 1)
times = st.none() | st.sampled_from([0, -1, 1 << 63, -(1 << 64)]) | st.integers(-FURTHEST, FURTHEST - 1)
xattrs = st.dictionaries(
    st.sampled_from(["security.selinux", "system.posix_acl_access", "user.note", "security.capability"]),
    st.binary(max_size=40),
    max_size=3,
).map(lambda found: tuple(sorted(found.items())))
contents = st.builds(
    lambda data, mode, uid, gid, mtime, marks, flags: Entry(
        Kind.FILE, mode, uid, gid, len(data), mtime, data=data, xattrs=marks, flags=flags
    ),
    st.binary(max_size=200), modes, ids, ids, times, xattrs, st.sampled_from([0, 0x10, 0x20, 0x30]),
)  # fmt: skip
links = st.builds(
    lambda raw, mtime: Entry(Kind.LINK, 0o777, mtime=mtime, link=raw.decode("utf-8", "surrogateescape")),
    st.binary(min_size=1, max_size=30).filter(lambda raw: b"\0" not in raw),
    times,
)
directories = st.builds(
    lambda mode, uid, gid, marks: Entry(Kind.DIR, mode, uid, gid, xattrs=marks), modes, ids, ids, xattrs
)
entries = st.one_of(contents, links, directories)
changes_of = st.builds(Change, paths, st.none() | entries, st.none() | entries).filter(
    lambda change: (change.before or change.after) is not None and not change.path.is_relative_to("/var/lib/rescue")
)
