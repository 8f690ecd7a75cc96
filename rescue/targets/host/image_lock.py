"""Who has a disk image open: QEMU locks bytes of it, one for each thing that it does or allows nobody else to do.

Not each of them is a running machine: libguestfs reads images by a QEMU of its own, and one that was ended or killed
with its rescue (or guestfish) holds its locks for a moment more. Such a one is waited for.
Source: block/file-posix.c of QEMU.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from pathlib import Path

from rescue.targets.protocol import TargetBusy

# block/file-posix.c: RAW_LOCK_PERM_BASE and RAW_LOCK_SHARED_BASE; block.h: BLK_PERM_WRITE is bit 1.
_HELD_WRITE = 101
_UNSHARED_WRITE = 201
_OFD_GETLK, _OFD_SETLK = 36, 37

_PATIENCE = 6.0
"""Seconds until a QEMU that is about to end has ended: libguestfs' own watchman looks every two whether it has to."""
_STEP = 0.1

_MACHINES = ("qemu-system", "qemu-kvm", "kvm")
"""How the names of programs begin that run machines. qemu-nbd, qemu-img and qemu-storage-daemon run none."""


def written_by_machine(path: Path) -> bool:
    """Whether a running QEMU has the image open for writing; one that is about to end is waited for."""
    return _stays(path, (_HELD_WRITE,))


def refuse_if_used(path: Path) -> None:
    """Raise TargetBusy where a QEMU writes to the image, or reads it and allows nobody to write."""
    if _stays(path, (_HELD_WRITE, _UNSHARED_WRITE)):
        raise busy(path)


def busy(*paths: Path) -> TargetBusy:
    """The error for images that somebody else has open."""
    named = " or ".join(str(path) for path in paths)
    if any(_is_by_machine(path) is False for path in paths):
        return TargetBusy(
            f"another program has {named} open (another rescue, guestfish or a QEMU tool)",
            "Wait until it ends, or stop it, and try again.",
        )
    return TargetBusy(f"a running machine uses {named}", "Shut the machine down first.")


def hold_as_writer(descriptor: int) -> None:
    """Take the locks of a QEMU that writes and shares writing with nobody, so that no machine starts meanwhile."""
    for byte in (_HELD_WRITE, _UNSHARED_WRITE):
        wanted = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, byte, 1, 0)
        fcntl.fcntl(descriptor, _OFD_SETLK, wanted)


def _stays(path: Path, places: tuple[int, ...]) -> bool:
    """Whether one of these bytes is locked and stays locked."""
    until = time.monotonic() + _PATIENCE
    while _locked(path, places):
        if _is_by_machine(path) or time.monotonic() > until:
            return True
        time.sleep(_STEP)
    return False


def _locked(path: Path, places: tuple[int, ...]) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # A reader's lock of ours would get along with QEMU's, which is a reader's too: ask for a writer's.
        asked = (struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0) for place in places)
        told = [fcntl.fcntl(descriptor, _OFD_GETLK, each) for each in asked]
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return any(struct.unpack_from("h", each)[0] != fcntl.F_UNLCK for each in told)


def _is_by_machine(path: Path) -> bool | None:
    """Whether one of the QEMUs that have the file open runs a machine; None where none can be seen.

    That of libguestfs is told by the socket on its command line. The lock itself does not say whose it is (F_OFD_GETLK
    gives no process), and those of other users are seen by root alone.
    """
    seen = None
    try:
        wanted = path.stat()
    except OSError:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name = (process / "comm").read_text()
            if name.startswith(("qemu", "kvm")) and _has_open(process, wanted):
                # One that ends has lost its command line, and its files a moment later.
                words = (process / "cmdline").read_bytes()
                seen = bool(seen) or (name.startswith(_MACHINES) and words != b"" and b"guestfs" not in words)
        except OSError:
            continue  # it has ended, or is another user's
    return seen


def _has_open(process: Path, wanted: os.stat_result) -> bool:
    for each in (process / "fd").iterdir():
        try:
            found = each.stat()
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            return True
    return False
