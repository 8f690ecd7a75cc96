"""A server's root that this machine's kernel has mounted: a directory, or the running system's own root."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import replace
from pathlib import Path

from rescue.targets.disks.devices import of_a_mounted_directory, of_a_running_system
from rescue.targets.files.capture import Capture
from rescue.targets.files.local import LocalSource
from rescue.targets.files.writing import Writer
from rescue.targets.forwarding import Forwarding, only_for_looking
from rescue.targets.host.closing import Closing
from rescue.targets.host.locking import locked
from rescue.targets.host.mounts import NETWORK, PSEUDO, filesystems_below, mounts
from rescue.targets.host.openat import DIRECTORY, Root, raw
from rescue.targets.host.syscalls import quiet_clone, syncfs
from rescue.targets.protocol import TargetError
from rescue.tree import Devices, FileSystem, Read, Tree

_KERNELS_OWN = frozenset({"/proc", "/sys"})
_NOT_FROM_ABOVE = frozenset({"/dev", "/proc", "/run", "/sys"})
_UNREADABLE_SHOWN = 3


class DirectoryTarget(Forwarding, Closing):
    """The root mounted at `path`, a real path on this machine.

    Looking goes through a private read-only copy of the mounts where the kernel can make one (Linux 5.12, root), so
    that not even a link's access time changes; elsewhere through O_NOATIME, which does not cover readlink(2).
    """

    def __init__(
        self,
        path: str,
        *,
        name: str = "",
        method: str = "directory",
        write: bool = False,
        notes: tuple[str, ...] = (),
        identity: str = "",
        sources: Mapping[str, str] | None = None,
        devices: Devices | None = None,
    ) -> None:
        self.name = name or path
        self.method = method
        self.path = Path(path)
        self._fixed_notes = notes
        self._unreadable: list[str] = []
        self._running = path == "/"
        self._real = path
        self._sources = dict(sources or {})
        self._devices = of_a_running_system() if self._running else devices or of_a_mounted_directory(path)
        self._stack = ExitStack()
        self._look = Root(_open_quietly(path))
        self._stack.callback(self._look.close)
        self._writer: Writer | None = None
        try:
            if write:
                root = Root(os.open(raw(path), DIRECTORY))
                self._stack.callback(root.close)
                self._writer = Writer(root)
                self._stack.callback(self._writer.close)
            found = os.fstat(self._look.fd)
        except OSError:
            # A damaged file system may mount but not even open its root directory.
            self._stack.close()
            raise
        self._identity = identity or f"{os.major(found.st_dev)}:{os.minor(found.st_dev)}-{found.st_ino}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user must know about the snapshot."""
        if not self._unreadable:
            return self._fixed_notes
        shown = ", ".join(self._unreadable[:_UNREADABLE_SHOWN])
        more = len(self._unreadable) - _UNREADABLE_SHOWN
        text = f"could not be read, so not checked: {shown}" + (f" and {more} more" if more > 0 else "")
        if os.geteuid() != 0:
            text += "; run it as root (sudo) to see all"
        return (*self._fixed_notes, text)

    def capture(self, reads: Iterable[Read]) -> Tree:
        """See `rescue.targets.protocol.Target.capture`."""
        source = LocalSource(self._look, **self._rules())
        with closing(source):
            tree = Capture(source).tree(reads, self.filesystems(), self._devices)
        told = [f"{path} ({why})" for path, why in tree.errors]
        self._unreadable.extend(each for each in told if each not in self._unreadable)
        return tree

    def filesystems(self) -> tuple[FileSystem, ...]:
        """The server's mounted file systems, measured now."""
        return tuple(
            replace(each, source=self._sources.get(each.mount, each.source))
            for each in filesystems_below(self._real, running=self._running)
        )

    @property
    def looking_root(self) -> Root:
        """The root as it is read: through a read-only mount if the kernel supports that."""
        return self._look

    def sync(self) -> None:
        """See `rescue.targets.protocol.Target.sync`."""
        for descriptor in self._writing().devices():
            try:
                syncfs(descriptor)
            except OSError as problem:
                raise TargetError(
                    f"{self.name}: the changes may not have reached the disk: {problem.strerror}",
                    "The disk is failing. Copy it (ddrescue) before anything else.",
                ) from problem

    def lock(self) -> AbstractContextManager[None]:
        """See `rescue.targets.protocol.Target.lock`."""
        return locked(self._identity, self.name)

    def close(self) -> None:
        """Close every descriptor. May be called twice."""
        self._stack.close()

    def _writing(self) -> Writer:
        if self._writer is None:
            raise only_for_looking(self.name)
        return self._writer

    def _rules(self) -> dict[str, frozenset[str]]:
        """What is not descended into, what looks empty, what is not even read; paths inside the root."""
        base = "" if self._real == "/" else self._real
        inside = [each for each in mounts() if each.point.startswith(base + "/")]
        remote = {each.point[len(base) :] for each in inside if each.type in NETWORK}
        pseudo = {each.point[len(base) :] for each in inside if each.type in PSEUDO}
        closed = frozenset(remote | pseudo) | (_NOT_FROM_ABOVE if self._running else frozenset())
        hidden = _KERNELS_OWN if self._running else frozenset(pseudo - {"/dev"})
        return {"closed": closed, "hidden": hidden, "remote": frozenset(remote)}


def _open_quietly(path: str) -> int:
    try:
        return quiet_clone(raw(path))
    except OSError:
        # An old kernel, or not root: then without the private copy.
        return os.open(raw(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
