"""What is at one path of a server, and the file system that holds it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

SELINUX = "security.selinux"


class Kind(StrEnum):
    """What an entry is, as in the file type of stat(2)."""

    FILE = "file"
    DIR = "dir"
    LINK = "link"
    FIFO = "fifo"
    SOCKET = "socket"
    BLOCK = "block"
    CHAR = "char"
    UNKNOWN = "unknown"
    """Something has this name and could not be read (`Entry.error`)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, directory, link or device.

    mode: the twelve permission bits. size, allocated: bytes, apparent and on the disk (st_blocks * 512).
    mtime: nanoseconds since the epoch, below zero before 1970, beyond 64 bits after 2262; None where no time is known,
    as 0 is a time like any other (reproducible images, ostree). data: a regular file's content; None where it was not
    read. xattrs: sorted pairs, POSIX ACLs (``system.posix_acl_*``) among them. ident: (device, inode), which two names
    of one file share. flags: the inode flags of FS_IOC_GETFLAGS, of which 0x10 is immutable and 0x20 append-only.
    error: why the content, a directory's names, or (UNKNOWN) everything could not be read, as strerror(3) says it.
    """

    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int | None = None
    nlink: int = 1
    data: bytes | None = field(default=None, repr=False)
    link: str = ""
    xattrs: tuple[tuple[str, bytes], ...] = ()
    ident: tuple[int, int] = (0, 0)
    allocated: int = 0
    flags: int = 0
    rdev: int = 0
    error: str = ""

    @property
    def is_file(self) -> bool:
        return self.kind is Kind.FILE

    @property
    def is_dir(self) -> bool:
        return self.kind is Kind.DIR

    @property
    def is_link(self) -> bool:
        return self.kind is Kind.LINK

    @property
    def modified(self) -> int:
        """`mtime` for comparisons: the epoch if no time is known."""
        return 0 if self.mtime is None else self.mtime

    def same_content(self, other: Entry) -> bool:
        """True if both are of one kind and hold the same: bytes, link target or device number."""
        return (
            self.kind is other.kind
            and self.data == other.data
            and self.link == other.link
            and self.rdev == other.rdev
            and (not self.is_file or self.size == other.size)
        )

    def same(self, other: Entry) -> bool:
        """True if content, mode, owner, xattrs and flags are equal; times are ignored."""
        return (
            self.same_content(other)
            and self.mode == other.mode
            and self.uid == other.uid
            and self.gid == other.gid
            and self.xattrs == other.xattrs
            and self.flags == other.flags
        )

    def xattr(self, name: str) -> bytes | None:
        return dict(self.xattrs).get(name)


@dataclass(frozen=True, slots=True)
class FileSystem:
    """One mounted file system of the server, in bytes and inodes as of statvfs(3).

    free counts the blocks kept for root too; available does not. inodes is 0 where the file system has no fixed
    number of them (btrfs).
    """

    mount: str
    type: str = ""
    size: int = 0
    free: int = 0
    available: int = 0
    inodes: int = 0
    inodes_free: int = 0
    read_only: bool = False
    source: str = ""

    @property
    def reserve(self) -> int:
        """Bytes that only root may use. If none are available, statvfs(3) hides the reserve: mke2fs(8) keeps 5 %."""
        if self.available or not self.type.startswith("ext"):
            return self.free - self.available
        return max(self.free, self.size // 20)

    def with_freed(self, freed: int, inodes: int) -> FileSystem:
        """This file system after `freed` bytes and `inodes` were freed (or, if negative, used)."""
        free = max(0, self.free + freed)
        return replace(
            self,
            free=free,
            available=max(0, free - self.reserve),
            inodes_free=max(0, self.inodes_free + inodes),
        )


def file(data: bytes | str, mode: int = 0o644, uid: int = 0, gid: int = 0) -> Entry:
    """A regular file's entry with its content."""
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    return Entry(Kind.FILE, mode, uid, gid, size=len(raw), data=raw, allocated=-(-len(raw) // 4096) * 4096)


def directory(mode: int = 0o755, uid: int = 0, gid: int = 0) -> Entry:
    """A directory's entry."""
    return Entry(Kind.DIR, mode, uid, gid, nlink=1)


def symlink(target: str) -> Entry:
    """A symbolic link's entry."""
    return Entry(Kind.LINK, 0o777, size=len(target), link=target)
