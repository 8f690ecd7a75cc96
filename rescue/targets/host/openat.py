"""Open files below an untrusted root: no link is followed in any component of a path.

The paths given here are real ones: links have been resolved by our own walk (`files.capture`), inside the
root. If a link is met nevertheless, a hostile disk or a racing program put it there, and the kernel refuses.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from rescue.targets.host.closing import Closing
from rescue.targets.host.syscalls import RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, openat2

_RESOLVE = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH
_CHUNK = 2000
"""Bytes of a path given to the kernel at once; PATH_MAX is 4096, and a hostile directory may be deeper."""

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
QUIET = os.O_RDONLY | os.O_NOFOLLOW | os.O_NOATIME | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def raw(name: str) -> bytes:
    """A name or path of a tree as the bytes on the disk, whatever the locale of this machine is."""
    return name.encode("utf-8", "surrogateescape")


class Root(Closing):
    """An open directory below which paths are opened; closes its descriptor at the end."""

    def __init__(self, descriptor: int) -> None:
        self.fd = descriptor
        self._openat2 = True

    def close(self) -> None:
        """Close the descriptor. May be called twice."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def open(self, path: str, flags: int) -> int:
        """Open the real path `path` ("/etc/ssh"). OSError ELOOP or ENOTDIR where a link stands in the way."""
        parts = [part for part in raw(path).split(b"/") if part]
        if b".." in parts or b"." in parts:
            raise OSError(errno.EINVAL, "not a real path", path)
        if not parts:
            return os.open(b".", flags, dir_fd=self.fd)
        at, owned = self.fd, False
        try:
            *above, last = _chunks(parts)
            for chunk in above:
                down = self._step(at, chunk, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
                if owned:
                    os.close(at)
                at, owned = down, True
            return self._step(at, last, flags)
        finally:
            if owned:
                os.close(at)

    def open_directory(self, path: str, *, quiet: bool = True) -> int:
        """A descriptor of the directory at the real path; reading it changes no access time if `quiet`."""
        return without_atime(lambda flags: self.open(path, flags), DIRECTORY) if quiet else self.open(path, DIRECTORY)

    def _step(self, at: int, parts: list[bytes], flags: int) -> int:
        if self._openat2:
            try:
                return openat2(at, b"/".join(parts), flags | os.O_NOFOLLOW, _RESOLVE)
            except OSError as problem:
                # ENOSYS: before Linux 5.6. EPERM: seccomp filters of older containers answer so to unknown calls.
                if problem.errno not in (errno.ENOSYS, errno.EPERM):
                    raise
                if problem.errno == errno.ENOSYS:
                    self._openat2 = False
        return _walk(at, parts, flags)


def _walk(at: int, parts: list[bytes], flags: int) -> int:
    """The same without openat2(2): one component at a time, each refused if it is a link."""
    step = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    here, owned = at, False
    try:
        for part in parts[:-1]:
            down = os.open(part, step, dir_fd=here)
            if owned:
                os.close(here)
            here, owned = down, True
        return os.open(parts[-1], flags | os.O_NOFOLLOW, dir_fd=here)
    finally:
        if owned:
            os.close(here)


def _chunks(parts: list[bytes]) -> list[list[bytes]]:
    made: list[list[bytes]] = [[]]
    length = 0
    for part in parts:
        if made[-1] and length + len(part) > _CHUNK:
            made.append([])
            length = 0
        made[-1].append(part)
        length += len(part) + 1
    return made


def without_atime(opener: Callable[[int], int], flags: int) -> int:
    """Open with O_NOATIME, or without it where only the file's owner or root may ask for that (open(2))."""
    try:
        return opener(flags | os.O_NOATIME)
    except PermissionError:
        return opener(flags & ~os.O_NOATIME)
