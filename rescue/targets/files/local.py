"""Read files that this machine's kernel has mounted, leaving no trace and following no hostile link.

Every open is O_NOFOLLOW, O_NONBLOCK and O_NOATIME, of what lstat(2) has called a regular file or a directory, and
fstat(2) must agree afterwards: no fifo blocks, no device is touched.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from dataclasses import replace

from rescue.targets.files.capture import NO_CONTENT, Budget
from rescue.targets.host.openat import QUIET, Root, raw
from rescue.targets.host.syscalls import APPEND_ONLY, IMMUTABLE, inode_flags
from rescue.tree import Entry, Kind

KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIR,
    stat.S_IFLNK: Kind.LINK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFCHR: Kind.CHAR,
}

FLAGS = IMMUTABLE | APPEND_ONLY
"""The inode flags that an entry tells: the others say how a file system stores the file, not what may be done to it."""

_NO_XATTRS = frozenset({errno.EOPNOTSUPP, errno.ENODATA, errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOENT})
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_HELD = 32
"""Directories kept open at once: a process may have 1,024 descriptors, and the rest of the program needs some."""
_UTF8 = sys.getfilesystemencoding().lower() in ("utf-8", "utf8")


def counts(name: str) -> bool:
    """Whether an extended attribute belongs to the file, and not to the file system's own bookkeeping."""
    if name.startswith(("user.", "security.", "system.posix_acl_")):
        return True
    return name.startswith("trusted.") and not name.startswith(("trusted.overlay.", "trusted.SGI_"))


class LocalSource:
    """Looks below `root`. `hidden` directories look empty; `remote` ones are not even asked for their mode."""

    def __init__(
        self,
        root: Root,
        *,
        closed: frozenset[str] = frozenset(),
        hidden: frozenset[str] = frozenset(),
        remote: frozenset[str] = frozenset(),
    ) -> None:
        self._root = root
        self.closed = closed
        self._hidden = hidden
        self._remote = remote
        self.failed: dict[str, str] = {}
        self._parents: dict[str, int] = {}

    def close(self) -> None:
        """Close what is held open. May be called twice."""
        while self._parents:
            os.close(self._parents.popitem()[1])

    def _held(self, path: str) -> int:
        """A descriptor of the directory, kept because lookups in one directory come together."""
        known = self._parents.get(path)
        if known is None:
            known = self._root.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            if len(self._parents) >= _HELD:
                os.close(self._parents.pop(next(iter(self._parents))))
            self._parents[path] = known
        return known

    def lookup(self, path: str, limit: int, budget: Budget) -> Entry | None:
        if self._is_hidden(path):
            return None
        above, _, name = path.rpartition("/")
        try:
            parent = self._held(above)
        except OSError as problem:
            return self._not_seen(path, problem)
        return self._look(parent, name or ".", path, limit, budget)

    def listing(self, path: str, limit: int, budget: Budget) -> list[tuple[str, Entry]]:
        if path in self._hidden or self._is_hidden(path):
            return []
        base = "" if path == "/" else path
        found: list[tuple[str, Entry]] = []
        try:
            directory = self._root.open_directory(path)
        except OSError as problem:
            self._note(path, problem)
            return []
        try:
            with os.scandir(directory) as names:
                for each in names:
                    name = each.name if _UTF8 else os.fsencode(each.name).decode("utf-8", "surrogateescape")
                    budget.expect(path, len(found))
                    entry = self._look(directory, name, f"{base}/{name}", limit, budget)
                    if entry is not None:
                        found.append((name, entry))
        except OSError as problem:
            self._note(path, problem)
        finally:
            os.close(directory)
        return found

    def _is_hidden(self, path: str) -> bool:
        return any(path.startswith(each + "/") for each in self._hidden)

    def _note(self, path: str, problem: OSError) -> None:
        if problem.errno not in _NOT_THERE:
            self.failed[path or "/"] = problem.strerror or str(problem)

    def _not_seen(self, path: str, problem: OSError) -> Entry | None:
        """The entry for a `path` that could not be read; nothing if the kernel says that it does not exist."""
        if problem.errno in _NOT_THERE:
            return None
        return Entry(Kind.UNKNOWN, 0, error=problem.strerror or str(problem))

    def _look(self, parent: int, name: str, path: str, limit: int, budget: Budget) -> Entry | None:
        if path in self._remote:
            return Entry(Kind.DIR, 0o755)
        encoded = raw(name)
        try:
            found = os.stat(encoded, dir_fd=parent, follow_symlinks=False)
        except OSError as problem:
            return self._not_seen(path, problem)
        kind = KINDS.get(stat.S_IFMT(found.st_mode))
        error = ""
        if kind is Kind.FILE or kind is Kind.DIR:
            opened = self._look_inside(parent, encoded, path, found, limit, budget)
            if isinstance(opened, Entry):
                return opened
            error = opened
        return self._look_from_outside(parent, encoded, path, found, error, budget)

    def _look_inside(
        self, parent: int, name: bytes, path: str, seen: os.stat_result, limit: int, budget: Budget
    ) -> Entry | str:
        """The entry of an opened regular file or directory; or why it can't be opened, or has been replaced."""
        try:
            try:
                descriptor = os.open(name, QUIET, dir_fd=parent)
            except PermissionError:
                # O_NOATIME is only for the file's owner and root (open(2)).
                descriptor = os.open(name, QUIET & ~os.O_NOATIME, dir_fd=parent)
        except OSError as problem:
            return problem.strerror or str(problem)
        try:
            found = os.fstat(descriptor)
            if stat.S_IFMT(found.st_mode) != stat.S_IFMT(seen.st_mode):
                return "it changed while it was being read"
            data = None
            if stat.S_ISREG(found.st_mode) and NO_CONTENT != limit >= found.st_size and budget.has_room(found.st_size):
                budget.add_bytes(path, found.st_size)
                data = _read(descriptor, found.st_size, limit)
            flags = inode_flags(descriptor) & FLAGS
            return _entry(found, data, "", _xattrs(descriptor, path, budget), flags)
        except OSError as problem:
            return problem.strerror or str(problem)
        finally:
            os.close(descriptor)

    def _look_from_outside(
        self, parent: int, name: bytes, path: str, found: os.stat_result, error: str, budget: Budget
    ) -> Entry | None:
        """The entry as far as it is known without opening it. error: why it was not opened."""
        link = ""
        if stat.S_ISLNK(found.st_mode):
            try:
                link = os.readlink(name, dir_fd=parent).decode("utf-8", "surrogateescape")
            except OSError as problem:
                return self._not_seen(path, problem)
        xattrs = _xattrs(b"/proc/self/fd/%d/%s" % (parent, name), path, budget)
        return replace(_entry(found, None, link, xattrs, 0), error=error)


def _read(descriptor: int, size: int, limit: int) -> bytes | None:
    """The content, of at most `limit` bytes; None if the file has grown beyond it meanwhile."""
    data = os.read(descriptor, size + 1)
    if len(data) == size:
        return data
    # Another program writes to it, or the file system lies about the size: read until there is no more.
    while chunk := os.read(descriptor, 1 << 18):
        data += chunk
        if len(data) > limit:
            return None
    return data


def _xattrs(where: int | bytes, path: str, budget: Budget) -> tuple[tuple[str, bytes], ...]:
    follow = isinstance(where, int)
    try:
        names = os.listxattr(where, follow_symlinks=follow)
        if not names:
            return ()
        found = tuple(
            (os.fsencode(name).decode("utf-8", "surrogateescape"), os.getxattr(where, name, follow_symlinks=follow))
            for name in sorted(names)
            if counts(name)
        )
    except OSError as problem:
        if problem.errno in _NO_XATTRS:
            return ()
        raise
    budget.add_bytes(path, sum(len(value) for _, value in found))
    return found


def _entry(
    found: os.stat_result, data: bytes | None, link: str, xattrs: tuple[tuple[str, bytes], ...], flags: int
) -> Entry:
    kind = KINDS[stat.S_IFMT(found.st_mode)]
    return Entry(
        kind,
        stat.S_IMODE(found.st_mode),
        found.st_uid,
        found.st_gid,
        # A file that is being written to may have grown between the two reads: the content counts.
        found.st_size if data is None else len(data),
        found.st_mtime_ns,
        found.st_nlink,
        data,
        link,
        xattrs,
        (found.st_dev, found.st_ino),
        found.st_blocks * 512,
        flags,
        found.st_rdev if kind in (Kind.BLOCK, Kind.CHAR) else 0,
    )
