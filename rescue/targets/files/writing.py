"""Change one entry below a root, so that a kill or a power cut leaves the old state or the new one.

No component of a path is ever followed if it is a link: a hostile disk can't lead a write out of the root.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import PurePosixPath

from rescue.targets.files.collapse_head import shorten_file
from rescue.targets.files.local import FLAGS, KINDS, counts
from rescue.targets.host.openat import Root, raw
from rescue.targets.host.syscalls import inode_flags, set_inode_flags
from rescue.targets.protocol import TEMPORARY, NoSpace, TargetError
from rescue.tree import Entry, Kind

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FORMATS = {kind: number for number, kind in KINDS.items()}

OWN_BUSINESS = frozenset({"security.evm", "security.ima"})
"""Signatures of a file's content and attributes, which only the kernel that made them can renew."""


class Writer:
    """Writes below `root`. Errors come as NoSpace or TargetError, with what to do next."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._devices: dict[int, int] = {}

    def close(self) -> None:
        """Close what is held for `sync`. May be called twice."""
        while self._devices:
            os.close(self._devices.popitem()[1])

    def devices(self) -> tuple[int, ...]:
        """A descriptor on each file system that was written to."""
        return tuple(self._devices.values())

    def put(self, path: PurePosixPath, entry: Entry) -> None:
        """See `rescue.targets.protocol.Target.put`."""
        if entry.is_file and entry.data is None:
            raise ValueError(f"{path}: no content to write")
        with errors_of(path), self._parent(path) as (parent, name):
            old = _lstat(parent, name)
            kind = KINDS.get(stat.S_IFMT(old.st_mode)) if old else None
            if kind is Kind.DIR and entry.is_dir:
                self._change(parent, name, old, entry)
                return
            if kind is Kind.LINK and entry.is_link and os.readlink(name, dir_fd=parent) == raw(entry.link):
                _metadata_of_special(parent, name, entry)
                os.fsync(parent)
                return
            if entry.is_dir:
                self._make_directory(parent, name, entry)
                return
            with flags_lifted(parent), _old_flags_lifted(parent, name, old):
                self._exchange(parent, name, entry)

    def set_metadata(self, path: PurePosixPath, entry: Entry) -> None:
        """See `rescue.targets.protocol.Target.set_metadata`."""
        with errors_of(path), self._parent(path) as (parent, name):
            old = _lstat(parent, name)
            if old is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            if KINDS.get(stat.S_IFMT(old.st_mode)) is not entry.kind:
                raise TargetError(f"{path} is now another kind of file", "Run rescue inspect again.")
            self._change(parent, name, old, entry)

    def shorten(self, path: PurePosixPath, keep: int) -> None:
        """See `rescue.targets.protocol.Target.shorten`."""
        with (
            errors_of(path),
            self._parent(path) as (parent, name),
            _old_flags_lifted(parent, name, _lstat(parent, name), restore=True),
        ):
            descriptor = os.open(name, _OPEN | os.O_RDWR, dir_fd=parent)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise TargetError(f"{path} is not a regular file")
                shorten_file(descriptor, keep)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def remove(self, path: PurePosixPath) -> None:
        """See `rescue.targets.protocol.Target.remove`."""
        with errors_of(path):
            try:
                with self._parent(path) as (parent, name):
                    old = _lstat(parent, name)
                    if old is None:
                        return
                    with flags_lifted(parent), _old_flags_lifted(parent, name, old):
                        if stat.S_ISDIR(old.st_mode):
                            os.rmdir(name, dir_fd=parent)
                        else:
                            os.unlink(name, dir_fd=parent)
                    os.fsync(parent)
            except FileNotFoundError:
                return

    @contextmanager
    def _parent(self, path: PurePosixPath) -> Iterator[tuple[int, bytes]]:
        if not path.name:
            descriptor = self._root.open_directory("/", quiet=False)
        else:
            descriptor = self._root.open_directory(str(path.parent), quiet=False)
        try:
            device = os.fstat(descriptor).st_dev
            if device not in self._devices:
                self._devices[device] = os.dup(descriptor)
            yield descriptor, raw(path.name) or b"."
        finally:
            os.close(descriptor)

    def _change(self, parent: int, name: bytes, old: os.stat_result | None, entry: Entry) -> None:
        """Give an existing file owner, mode, xattrs and flags; its content stays."""
        if entry.is_file or entry.is_dir:
            descriptor = os.open(name, _OPEN, dir_fd=parent)
            try:
                found = os.fstat(descriptor)
                if old is None or (found.st_dev, found.st_ino) != (old.st_dev, old.st_ino):
                    raise TargetError("the file was replaced while it was being changed", "Try again.")
                flags = _lift(descriptor)
                try:
                    _metadata(descriptor, entry)
                except BaseException:
                    _put_flags(descriptor, flags)
                    raise
                os.fsync(descriptor)
                _put_flags(descriptor, entry.flags)
            finally:
                os.close(descriptor)
        else:
            _metadata_of_special(parent, name, entry)
            os.fsync(parent)

    def _make_directory(self, parent: int, name: bytes, entry: Entry) -> None:
        with flags_lifted(parent):
            # Made under another name, so that a directory of the final name always has its owner and mode.
            temporary = _temporary()
            os.mkdir(temporary, 0o700, dir_fd=parent)
            try:
                descriptor = os.open(temporary, _OPEN | os.O_DIRECTORY, dir_fd=parent)
                try:
                    _metadata(descriptor, entry)
                    os.fsync(descriptor)
                    if _lstat(parent, name) is not None:
                        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fsdecode(name))
                    os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
                    _put_flags(descriptor, entry.flags)
                finally:
                    os.close(descriptor)
            except BaseException:
                with suppress(OSError):
                    os.rmdir(temporary, dir_fd=parent)
                raise
            os.fsync(parent)

    def _exchange(self, parent: int, name: bytes, entry: Entry) -> None:
        temporary = _temporary()
        try:
            if entry.is_file:
                _write_file(parent, temporary, entry)
            elif entry.is_link:
                os.symlink(raw(entry.link), temporary, dir_fd=parent)
                _metadata_of_special(parent, temporary, entry)
            else:
                os.mknod(temporary, _FORMATS[entry.kind] | 0o600, entry.rdev, dir_fd=parent)
                _metadata_of_special(parent, temporary, entry)
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=parent)
            raise
        if entry.is_file and entry.flags & FLAGS:
            descriptor = os.open(name, _OPEN, dir_fd=parent)
            try:
                _put_flags(descriptor, entry.flags)
            finally:
                os.close(descriptor)
        os.fsync(parent)


def _temporary() -> bytes:
    return f"{TEMPORARY}{secrets.token_hex(8)}".encode()


def _write_file(parent: int, name: bytes, entry: Entry) -> None:
    descriptor = os.open(name, _CREATE, 0o600, dir_fd=parent)
    try:
        left = memoryview(entry.data or b"")
        while left:
            left = left[os.write(descriptor, left) :]
        _metadata(descriptor, entry)
        if entry.mtime is not None:
            os.utime(descriptor, ns=(entry.mtime, entry.mtime))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _metadata(where: int | bytes, entry: Entry) -> None:
    """Owner, mode, xattrs, in this order: a change of owner takes set-user-ID bits and capabilities away."""
    found = os.stat(where)  # noqa: PTH116 - a descriptor, or bytes
    if (found.st_uid, found.st_gid) != (entry.uid, entry.gid):
        os.chown(where, entry.uid, entry.gid)
    _set_xattrs(where, entry, follow=True)
    os.chmod(where, entry.mode)  # noqa: PTH101 - a descriptor, or bytes


def _metadata_of_special(parent: int, name: bytes, entry: Entry) -> None:
    """The same for what can't be opened: links, fifos, sockets and devices."""
    os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
    path = b"/proc/self/fd/%d/%s" % (parent, name)
    if entry.is_link:
        _set_xattrs(path, entry, follow=False)
        if entry.mtime is not None:
            os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)
        return
    held = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if stat.S_ISLNK(os.fstat(held).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fsdecode(name))
        _set_xattrs(b"/proc/self/fd/%d" % held, entry, follow=True)
        os.chmod(b"/proc/self/fd/%d" % held, entry.mode)  # noqa: PTH101 - the file behind a descriptor
    finally:
        os.close(held)


def _set_xattrs(where: int | bytes, entry: Entry, *, follow: bool) -> None:
    wanted = {raw(name): value for name, value in entry.xattrs if name not in OWN_BUSINESS}
    try:
        listed = os.listxattr(where, follow_symlinks=follow)
    except OSError as problem:
        if problem.errno != errno.EOPNOTSUPP or wanted:
            raise
        return
    present = {os.fsencode(name) for name in listed if counts(name) and name not in OWN_BUSINESS}
    for name in sorted(present - wanted.keys()):
        # A security label can't be removed, only changed: a new file may keep its initial one.
        if name != b"security.selinux":
            os.removexattr(where, name, follow_symlinks=follow)
    for name, value in wanted.items():
        if name not in present or os.getxattr(where, name, follow_symlinks=follow) != value:
            os.setxattr(where, name, value, follow_symlinks=follow)


def _lstat(parent: int, name: bytes) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None


# -- immutable and append-only -----------------------------------------------------------------------------------


def _lift(descriptor: int) -> int:
    """Take the immutable and append-only flags off; returns those that were there."""
    flags = inode_flags(descriptor)
    if flags & FLAGS:
        set_inode_flags(descriptor, flags & ~FLAGS)
    return flags & FLAGS


def _put_flags(descriptor: int, flags: int) -> None:
    now = inode_flags(descriptor)
    if now & FLAGS != flags & FLAGS:
        set_inode_flags(descriptor, (now & ~FLAGS) | (flags & FLAGS))


@contextmanager
def flags_lifted(descriptor: int) -> Iterator[None]:
    """Clear the inode's immutable and append-only flags within the block, and restore them afterwards."""
    flags = _lift(descriptor)
    try:
        yield
    finally:
        _put_flags(descriptor, flags)


@contextmanager
def _old_flags_lifted(parent: int, name: bytes, old: os.stat_result | None, *, restore: bool = False) -> Iterator[None]:
    """The old file may be renamed over or removed within; after a failure (or if `restore`) its flags are put back."""
    if old is None or not (stat.S_ISREG(old.st_mode) or stat.S_ISDIR(old.st_mode)):
        yield
        return
    with ExitStack() as stack:
        descriptor = os.open(name, _OPEN, dir_fd=parent)
        stack.callback(os.close, descriptor)
        flags = _lift(descriptor)
        try:
            yield
        except BaseException:
            _put_flags(descriptor, flags)
            raise
        if restore or os.fstat(descriptor).st_nlink:
            # Still there: under its own name, or under another one (a hard link), which keeps its protection.
            _put_flags(descriptor, flags)


# -- errors ------------------------------------------------------------------------------------------------------


@contextmanager
def errors_of(path: PurePosixPath) -> Iterator[None]:
    """Turn OSError into an error with advice for the user."""
    try:
        yield
    except OSError as problem:
        raise explained(path, problem) from problem


def explained(path: PurePosixPath, problem: OSError) -> TargetError:
    """The TargetError or NoSpace for a system call that failed at `path`."""
    reason = problem.strerror or str(problem)
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(f"no room to write {path}: {reason}", "Free some space first: rescue space")
    if problem.errno == errno.EROFS:
        hint = "The file system is mounted read-only. Mount it again for writing: mount -o remount,rw MOUNTPOINT"
    elif problem.errno in (errno.EPERM, errno.EACCES):
        hint = "Run it as root (sudo), and check that nothing else protects the file (lsattr)."
    elif problem.errno in (errno.ELOOP, errno.ENOTDIR):
        hint = "A directory has become a link or a file: the disk has changed since. Run rescue inspect again."
    elif problem.errno == errno.EIO:
        hint = "The disk is failing. Copy it (ddrescue) before anything else."
    else:
        hint = "Nothing was changed. Run rescue inspect again to see what is there now."
    return TargetError(f"can't write {path}: {reason}", hint)
