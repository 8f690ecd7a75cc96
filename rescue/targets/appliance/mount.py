"""Show an appliance's file systems in a folder of this machine (FUSE), so that this kernel does not read them.

See "MOUNT LOCAL" in guestfs(3). The loop that answers the kernel runs in a thread of its own, and owns the handle until
the folder is unmounted.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from rescue.targets.appliance.launch import Handle
from rescue.targets.host.mounts import mounts
from rescue.targets.host.resources import Resources, run, unmount_for_sure
from rescue.targets.protocol import TargetError

_OPTIONS = "nosuid,nodev,noexec,fsname=rescue"
"""The files are a stranger's: nobody runs one of them from there."""
_PATIENCE = 60.0
_LOOK = 0.5


class Shown:
    """The folder `where`, in which the appliance's root is shown until `resources` is closed, or somebody unmounts it.

    Raises TargetError if FUSE is missing.
    """

    def __init__(self, resources: Resources, handle: Handle, where: Path, *, write: bool) -> None:
        self._where = str(where)
        self._thread: threading.Thread | None = None
        lazily = ("umount", "--lazy") if os.geteuid() == 0 else ("fusermount", "-u", "-z")
        resources.add(self._end, command=(*lazily, self._where))
        try:
            handle.mount_local(self._where, readonly=not write, options=_OPTIONS)
        except RuntimeError as problem:
            raise TargetError(
                f"libguestfs can't mount at {where}: {problem}",
                "It needs FUSE: /dev/fuse (modprobe fuse) and, if you are not root, fusermount (package fuse3).",
            ) from problem
        self._thread = threading.Thread(target=self._answer, args=(handle,), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return when somebody else has unmounted it."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(_LOOK)

    def _answer(self, handle: Handle) -> None:
        try:
            handle.mount_local_run()
        except RuntimeError:
            return  # the appliance has ended; programs that use the folder get an error from the kernel

    def _end(self) -> None:
        if any(each.point == self._where for each in mounts()):
            if os.geteuid() == 0:
                unmount_for_sure(self._where)
            else:
                run("fusermount", "-u", "-z", self._where)
        if self._thread is None:
            return
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            raise TargetError(f"{self._where} is still in use", "Stop the programs that use it: fuser -vm")
