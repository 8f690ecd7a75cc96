"""Mounts that nobody else sees, and that are gone with this process, however it ends."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

from rescue.targets.host.syscalls import mount

CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 0x4000, 0x40000


@contextmanager
def own_mounts() -> Iterator[None]:
    """A mount namespace of its own for this thread and what it starts (mount_namespaces(7)). Needs root; OSError.

    A kill leaves no mount: the namespace ends with its last process. Loop devices that are to be freed with their
    mount are freed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _must(libc.unshare(CLONE_NEWNS))
        try:
            mount("none", "/", "", MS_REC | MS_PRIVATE)
            yield
        finally:
            # It puts the thread into the other namespace's root directory.
            _must(libc.setns(before, CLONE_NEWNS))
            os.fchdir(here)
    finally:
        os.close(here)
        os.close(before)


def _must(status: int) -> None:
    if status < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
