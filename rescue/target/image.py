"""Disk image files: which format, whether it is safe to open, and whether a running machine has it open.

The format is told from the file's own magic and then stated to whatever opens it: a raw disk whose content looks like
a qcow2 header must not be taken for one. An image that names another file (a backing file, an external data file, an
extent, a parent) is refused: it could name any file of this machine.
Sources: docs/interop/qcow2.txt, vmdk.txt and block/file-posix.c of QEMU.
"""

from __future__ import annotations

import fcntl
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from rescue.target.protocol import TargetError

_QCOW2_DATA_FILE = 1 << 2
_VMDK_DESCRIPTOR_LIMIT = 64 << 10

# block/file-posix.c: RAW_LOCK_PERM_BASE and RAW_LOCK_SHARED_BASE; block.h: BLK_PERM_WRITE is bit 1.
_HELD_WRITE = 101
_UNSHARED_WRITE = 201
_OFD_GETLK, _OFD_SETLK = 36, 37


@dataclass(frozen=True, slots=True)
class Image:
    """An image file. format: QEMU's name for it. size: of the file, in bytes."""

    path: Path
    format: str
    size: int


def image_at(path: Path) -> Image:
    """The image at `path`. Raises TargetError for an empty one, and for one that leans on another file."""
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        head = stream.read(4096)
        if not head:
            raise TargetError(f"{path} is empty", "Was the copy interrupted? Copy the image again.")
        if head[:4] == b"QFI\xfb":
            _check_qcow2(path, head)
            return Image(path, "qcow2", size)
        if head[:4] == b"KDMV":
            sector = struct.unpack_from("<Q", head, 28)[0] if len(head) >= 44 else 0
            count = struct.unpack_from("<Q", head, 36)[0] if len(head) >= 44 else 0
            stream.seek(min(sector * 512, size))
            _check_vmdk(path, head, stream.read(min(count * 512, _VMDK_DESCRIPTOR_LIMIT)))
            return Image(path, "vmdk", size)
    if head[:8] == b"vhdxfile":
        return Image(path, "vhdx", size)
    if head.lstrip().startswith(b"# Disk DescriptorFile"):
        raise _leans(path, "its data is in other files", "Name the data file (often ...-flat.vmdk) instead.")
    if head[:8] == b"conectix":
        return Image(path, "vpc", size)
    if head[:64].startswith(b"<<< ") and head[64:68] == b"\x7f\x10\xda\xbe":
        return Image(path, "vdi", size)
    return Image(path, "raw", size)


def _check_qcow2(path: Path, head: bytes) -> None:
    if len(head) < 72:
        raise TargetError(f"{path} is cut off: it has no whole qcow2 header", "Copy the image again.")
    version, backing = struct.unpack_from(">IQ", head, 4)
    if version not in (2, 3):
        raise TargetError(f"{path} is qcow version {version}, which is not known", _convert(path))
    if backing:
        raise _leans(path, "it has a backing file", f"Merge it into one: {_convert(path)}")
    features = struct.unpack_from(">Q", head, 72)[0] if version >= 3 and len(head) >= 80 else 0
    if features & _QCOW2_DATA_FILE:
        raise _leans(path, "its data is in an external file", f"Merge it into one: {_convert(path)}")
    crypt = struct.unpack_from(">I", head, 32)[0]
    if crypt:
        raise TargetError(f"{path} is encrypted", "Decrypt it to another file with qemu-img convert first.")


def _check_vmdk(path: Path, head: bytes, descriptor: bytes) -> None:
    capacity = struct.unpack_from("<Q", head, 12)[0] if len(head) >= 44 else 0
    extents = [
        line for line in descriptor.split(b"\n") if line.startswith((b"RW ", b"RDONLY ", b"NOACCESS "))
    ]
    if not capacity or len(extents) > 1 or b"parentFileNameHint" in descriptor:
        raise _leans(path, "its data is in other files", f"Merge it into one: {_convert(path)}")


def _leans(path: Path, why: str, hint: str) -> TargetError:
    return TargetError(f"{path} can't be opened safely on its own: {why}", hint)


def _convert(path: Path) -> str:
    return f"qemu-img convert -O qcow2 {path} NEW.qcow2"


def written_by_machine(path: Path) -> bool:
    """Whether a running QEMU has the image open for writing: it holds a lock on the byte of that permission."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # A reader's lock of ours would get along with QEMU's, which is a reader's too: ask for a writer's.
        asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, _HELD_WRITE, 1, 0)
        told = fcntl.fcntl(descriptor, _OFD_GETLK, asked)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return bool(struct.unpack_from("h", told)[0] != fcntl.F_UNLCK)


def hold_as_writer(descriptor: int) -> None:
    """Take the locks of a QEMU that writes and shares writing with nobody, so that no machine starts meanwhile."""
    for byte in (_HELD_WRITE, _UNSHARED_WRITE):
        wanted = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, byte, 1, 0)
        fcntl.fcntl(descriptor, _OFD_SETLK, wanted)
