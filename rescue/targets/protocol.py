"""What the rest of the program may do with a target: capture it, change one entry, make it durable.

One test suite (tests/system/test_target_contract.py and similar) checks every implementation against this contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import PurePosixPath
from typing import Protocol, Self

from rescue.errors import RescueError
from rescue.status import Status
from rescue.tree import Entry, Read, Tree

BUNDLE = "support bundle"
"""The method of a target that was saved by ``rescue capture``."""

TEMPORARY = ".rescue-"
"""How the names of temporary files begin, which `put` makes beside the file it replaces. No glob of a configuration
directory reads them; a recovery removes what a kill left of them."""


class TargetError(RescueError):
    """The target can't be opened, read or written."""

    status = Status.TARGET


class TargetBusy(TargetError):
    """Somebody else holds the target: another fix, or a running machine."""

    status = Status.REFUSED


class SeveralRoots(TargetError):
    """A disk holds more than one server. roots: what to give after --root, and which server that is."""

    def __init__(self, where: str, roots: Sequence[tuple[str, str]]) -> None:
        told = "; ".join([f"{word}: {what}" for word, what in roots[:20]] + (["..."] if len(roots) > 20 else []))
        super().__init__(f"there is more than one Linux system on {where}: {told}", f"Choose one: --root {roots[0][0]}")
        self.roots = tuple(roots)


class TargetUnsafe(TargetError):
    """The request would do harm."""

    status = Status.REFUSED


class OnlyKernel(TargetUnsafe):
    """Only this machine's kernel could read the image, and a hostile image may attack it: the user has to agree."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"{where} is an image, and libguestfs, which reads images in isolation, is not installed",
            "Install python3-guestfs (python3-libguestfs on Fedora, RHEL, SUSE). If you trust the image, let this "
            "machine's kernel read it: --backend kernel",
        )


class NoSpace(TargetError):
    """The target has no block or inode left for what was to be written (ENOSPC, EDQUOT)."""

    status = Status.REFUSED

    def __init__(self, message: str, hint: str = "Keep the undo log elsewhere with --undo-log DIR.") -> None:
        super().__init__(message, hint)


class Target(Protocol):
    """A server's root, wherever it is. Paths are real paths inside it: no link is followed by the writing methods.

    It is a context manager: it is closed at the end of the block.
    """

    def __enter__(self) -> Self:
        """The target itself."""

    def __exit__(self, *problem: object) -> None:
        """See `close`."""

    @property
    def name(self) -> str:
        """For people: "/dev/vda1", "server.qcow2", "/"."""

    @property
    def method(self) -> str:
        """How it is reached: "directory", "running system", "kernel mount", "libguestfs", "support bundle"."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user must know about the snapshot ("the journal could not be replayed: it may be stale").

        A capture may add to them.
        """

    def capture(self, reads: Iterable[Read]) -> Tree:
        """A tree of all `reads`, in one pass, with the entries above them and every link's target inside the root.

        Never opens a fifo, a socket or a device, never follows a link out of the root, changes no access time.
        The tree's `filesystems` are always filled; `read_only` is told of a running system alone, as a disk at rest
        is mounted by the rescue system, as it pleases. An entry's `flags` are the immutable and append-only ones.
        """

    def put(self, path: PurePosixPath, entry: Entry) -> None:
        """Create or atomically replace the entry at `path` (its directory exists) with all that `entry` says.

        A regular file: temporary file in the same directory, content, owner, mode, xattrs (ACLs and SELinux label
        among them), fsync, rename, fsync of the directory. The modification time is entry.mtime, or now where
        that is None; a link's as well, but through libguestfs, which can set none. An immutable or append-only flag
        of the old file is taken off for the exchange and put on again.
        A directory or link that exists already with the same content only gets owner, mode and xattrs. The flags are
        `entry.flags` afterwards.
        Raises NoSpace, TargetError.
        """

    def set_metadata(self, path: PurePosixPath, entry: Entry) -> None:
        """Give what is at `path` the owner, mode and xattrs of `entry`; the inode stays, its content is not touched."""

    def shorten(self, path: PurePosixPath, keep: int) -> None:
        """Keep the end of the file, in place (same inode): at least its last `keep` bytes, and little more.

        Needs no free block. Where the file system has FALLOC_FL_COLLAPSE_RANGE, less than a block more is kept;
        elsewhere the tail is copied to the front, from the line's start if it is near, and the rest truncated.
        """

    def remove(self, path: PurePosixPath) -> None:
        """Remove a file, a link or an empty directory. No error if nothing is there."""

    def sync(self) -> None:
        """Return when everything written is on the disk."""

    def lock(self) -> AbstractContextManager[None]:
        """Hold the target against another fix or undo. Raises TargetBusy at once if it is held."""

    def close(self) -> None:
        """Release everything that was opened, in reverse order. May be called twice."""
