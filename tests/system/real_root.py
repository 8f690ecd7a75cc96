"""A server's root on a real file system, made from a literal tree, and looked at without any of rescue's own code."""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rescue.targets.files.directory import DirectoryTarget
from rescue.tree import Entry, Kind, Tree

JOURNAL = b"var/lib/rescue"
_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
_COUNTED = 0x30
"""FS_IMMUTABLE_FL and FS_APPEND_FL of linux/fs.h."""

Snapshot = dict[bytes, tuple[object, ...]]


def make(root: Path, tree: Tree) -> None:
    """Write every entry of `tree` below `root`, which may hold some already. Hard links share one ident."""
    names: dict[tuple[int, int], bytes] = {}
    flagged = []
    for path in tree.paths():
        entry = tree.lentry(path)
        assert entry is not None
        at = os.fsencode(root) + os.fsencode(str(path))
        if entry.nlink > 1 and entry.ident in names and entry.is_file:
            os.link(names[entry.ident], at)
            continue
        names[entry.ident] = at
        _make(at, entry)
        if entry.flags:
            flagged.append((at, entry.flags))
    for path in reversed(tree.paths()):
        entry = tree.lentry(path)
        if entry is not None and entry.mtime is not None:
            at = os.fsencode(root) + os.fsencode(str(path))
            os.utime(at, ns=(entry.mtime, entry.mtime), follow_symlinks=False)
    for at, flags in flagged:
        set_flags(at, flags)


def _make(at: bytes, entry: Entry) -> None:
    if entry.is_dir:
        Path(os.fsdecode(at)).mkdir(parents=True, exist_ok=True)
    elif entry.is_link:
        Path(os.fsdecode(at)).symlink_to(entry.link)
    elif entry.is_file:
        with open(at, "wb") as stream:  # noqa: PTH123  a path in bytes
            # Content that was not captured is a log: numbered lines, as many as its size asks for.
            stream.write(entry.data if entry.data is not None else _log(entry.size))
    else:
        assert entry.kind is Kind.FIFO
        os.mkfifo(at)
    os.chown(at, entry.uid, entry.gid, follow_symlinks=False)
    if not entry.is_link:
        for name, value in entry.xattrs:
            os.setxattr(at, os.fsencode(name), value)
        os.chmod(at, entry.mode)  # noqa: PTH101  a path in bytes


def _log(size: int) -> bytes:
    line = b"2026-11-22 line %08d of the log of a server that never stops talking\n"
    return b"".join(line % number for number in range(size // 60 + 1))[:size]


def snapshot(root: Path, *, times: bool = True) -> Snapshot:
    """Every file below `root` outside the journal: kind, mode, owner, content, link, attributes, flags, time."""
    found: Snapshot = {}
    top = os.fsencode(root)
    for above, directories, files in os.walk(top):
        for name in [*directories, *files]:
            at = os.path.join(above, name)  # noqa: PTH118  a path in bytes
            inside = os.path.relpath(at, top)
            if inside == JOURNAL or inside.startswith((JOURNAL + b"/", b"lost+found")):
                continue
            found[inside] = _look(at, times)
    return found


def _look(at: bytes, times: bool) -> tuple[object, ...]:
    status = os.lstat(at)
    kind = stat.S_IFMT(status.st_mode)
    content: bytes = b""
    if kind == stat.S_IFREG:
        content = Path(os.fsdecode(at)).read_bytes()
    elif kind == stat.S_IFLNK:
        content = os.readlink(at)  # noqa: PTH115  in bytes
    xattrs = tuple((name, os.getxattr(at, name, follow_symlinks=False)) for name in sorted(
        os.listxattr(at, follow_symlinks=False)))  # fmt: skip
    flags = flags_of(at) & _COUNTED if kind in (stat.S_IFREG, stat.S_IFDIR) else 0
    when = status.st_mtime_ns if times and kind == stat.S_IFREG else 0
    return kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, content, xattrs, flags, when


def flags_of(at: bytes | Path) -> int:
    """The inode flags (ioctl_iflags(2)); 0 where the file system has none."""
    descriptor = os.open(at, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        return int(struct.unpack("i", fcntl.ioctl(descriptor, _GET_FLAGS, struct.pack("i", 0)))[0])
    except OSError:
        return 0
    finally:
        os.close(descriptor)


def set_flags(at: bytes | Path, flags: int) -> None:
    """Make a file immutable or append-only, or neither."""
    descriptor = os.open(at, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        now = struct.unpack("i", fcntl.ioctl(descriptor, _GET_FLAGS, struct.pack("i", 0)))[0]
        fcntl.ioctl(descriptor, _SET_FLAGS, struct.pack("i", (now & ~_COUNTED) | flags))
    finally:
        os.close(descriptor)


def free_of_flags(root: Path) -> None:
    """Take immutable flags off everything, so that it can be removed."""
    for at in [root, *root.rglob("*")]:
        if not at.is_symlink() and (at.is_dir() or at.is_file()) and flags_of(at) & _COUNTED:
            set_flags(at, 0)


@contextmanager
def opened(root: Path) -> Iterator[DirectoryTarget]:
    """The root as a target for writing."""
    target = DirectoryTarget(str(root.resolve()), write=True)
    try:
        yield target
    finally:
        target.close()


@contextmanager
def ext4(place: Path, *, mib: int = 16, options: Mapping[str, str] | None = None) -> Iterator[Path]:
    """A new ext4 file system of `mib` MiB, mounted below `place`; `options` are mkfs.ext4's."""
    image, mount = place / "disk.img", place / "disk"
    mount.mkdir()
    with image.open("wb") as stream:
        stream.truncate(mib << 20)
    words = [word for pair in (options or {}).items() for word in pair]
    subprocess.run(["mkfs.ext4", "-q", "-F", *words, str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)
