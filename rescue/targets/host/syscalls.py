"""The Linux system calls that Python has no names for, through the C library.

Each raises OSError as Python's own would; ENOSYS where the kernel is too old, so that callers can fall back.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct

_libc = ctypes.CDLL(None, use_errno=True)

# The same numbers on every architecture but alpha (all calls since Linux 5.0 are).
_OPEN_TREE = 428
_OPENAT2 = 437
_MOUNT_SETATTR = 442

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
OPEN_TREE_CLONE = 1

RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08

MOUNT_ATTR_RDONLY = 0x01
MOUNT_ATTR_NOSUID = 0x02
MOUNT_ATTR_NODEV = 0x04
MOUNT_ATTR_NOEXEC = 0x08
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR__ATIME = 0x70

FALLOC_FL_KEEP_SIZE = 0x01
FALLOC_FL_PUNCH_HOLE = 0x02
FALLOC_FL_COLLAPSE_RANGE = 0x08

IMMUTABLE = 0x10
APPEND_ONLY = 0x20

_LONG = struct.calcsize("l")
_GETFLAGS = 2 << 30 | _LONG << 16 | ord("f") << 8 | 1
_SETFLAGS = 1 << 30 | _LONG << 16 | ord("f") << 8 | 2


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def _fail(what: bytes = b"") -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), what.decode("utf-8", "surrogateescape"))


def openat2(directory: int, path: bytes, flags: int, resolve: int, mode: int = 0) -> int:
    """openat2(2), Linux 5.6: open `path` below the directory descriptor with rules for resolving it."""
    how = _OpenHow(flags | os.O_CLOEXEC, mode, resolve)
    opened: int = _libc.syscall(_OPENAT2, directory, path, ctypes.byref(how), ctypes.sizeof(how))
    if opened < 0:
        raise _fail(path)
    return opened


def quiet_clone(path: bytes) -> int:
    """A descriptor of `path` in a private, detached copy of its mounts: read-only, no access times, no devices.

    open_tree(2) and mount_setattr(2), Linux 5.12, CAP_SYS_ADMIN. The copy appears nowhere and goes with the descriptor.
    """
    clone: int = _libc.syscall(_OPEN_TREE, AT_FDCWD, path, OPEN_TREE_CLONE | AT_RECURSIVE | os.O_CLOEXEC)
    if clone < 0:
        raise _fail(path)
    wanted = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME
    attributes = _MountAttr(wanted, MOUNT_ATTR__ATIME, 0, 0)
    size = ctypes.sizeof(attributes)
    if _libc.syscall(_MOUNT_SETATTR, clone, b"", AT_EMPTY_PATH | AT_RECURSIVE, ctypes.byref(attributes), size) < 0:
        problem = _fail(path)
        os.close(clone)
        raise problem
    return clone


def syncfs(descriptor: int) -> None:
    """syncfs(2): return when the file system that holds `descriptor` has written everything."""
    if _libc.syncfs(descriptor) < 0:
        raise _fail()


def fallocate(descriptor: int, mode: int, offset: int, length: int) -> None:
    """fallocate(2) with a mode: punch a hole, or collapse a range."""
    if _libc.fallocate64(descriptor, mode, ctypes.c_int64(offset), ctypes.c_int64(length)) < 0:
        raise _fail()


def inode_flags(descriptor: int) -> int:
    """The inode flags (FS_IOC_GETFLAGS, ioctl_iflags(2)); 0 where the file system has none."""
    found = bytearray(_LONG)
    try:
        fcntl.ioctl(descriptor, _GETFLAGS, found)
    except OSError as problem:
        if problem.errno in (errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            return 0
        raise
    return int.from_bytes(found[:4], "little" if struct.pack("=H", 1)[0] else "big")


def set_inode_flags(descriptor: int, flags: int) -> None:
    """FS_IOC_SETFLAGS; changing immutable or append-only needs CAP_LINUX_IMMUTABLE."""
    fcntl.ioctl(descriptor, _SETFLAGS, struct.pack("i", flags) + bytes(_LONG - 4))


MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME = 1, 2, 4, 8, 1024
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x20, 0x1000, 0x4000, 0x40000
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8


def mount(source: str, point: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2): the file system of this type on the block device `source`, at the directory `point`."""
    words = (source, point, kind)
    encoded = [word.encode("utf-8", "surrogateescape") for word in words]
    if _libc.mount(*encoded, ctypes.c_ulong(flags), options.encode()) < 0:
        raise _fail(encoded[0])


def umount(point: str, flags: int = 0) -> None:
    """umount2(2); a link at `point` is not followed."""
    encoded = point.encode("utf-8", "surrogateescape")
    if _libc.umount2(encoded, flags | UMOUNT_NOFOLLOW) < 0:
        raise _fail(encoded)


def set_mount_attributes(path: str, *, on: int = 0, off: int = 0) -> None:
    """mount_setattr(2), Linux 5.12: MOUNT_ATTR_* of the mount at `path` and of all below it."""
    attributes = _MountAttr(on, off, 0, 0)
    encoded = path.encode("utf-8", "surrogateescape")
    size = ctypes.sizeof(attributes)
    if _libc.syscall(_MOUNT_SETATTR, AT_FDCWD, encoded, AT_RECURSIVE, ctypes.byref(attributes), size) < 0:
        raise _fail(encoded)


CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = (
    0x00020000, 0x04000000, 0x08000000, 0x20000000, 0x40000000,
)  # fmt: skip


def unshare(flags: int) -> None:
    """unshare(2): namespaces of its own for this process (CLONE_NEWPID: for its children)."""
    if _libc.unshare(flags) < 0:
        raise _fail()


_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP = 1, 24


def die_with_parent(number: int) -> None:
    """prctl(2), PR_SET_PDEATHSIG: get this signal when the parent ends."""
    if _libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(number), 0, 0, 0) < 0:
        raise _fail()


def drop_capability(number: int) -> None:
    """prctl(2), PR_CAPBSET_DROP: no program that is started from now on has the capability (capabilities(7))."""
    if _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(number), 0, 0, 0) < 0:
        raise _fail()
