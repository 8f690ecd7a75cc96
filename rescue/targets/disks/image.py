"""Disk image files: which format, and whether it is safe to open.

The format is read from the file's magic once, then stated to whatever opens it, which never probes. A server
can write whatever it likes to the first bytes of its own raw disk, a qcow2 header among it: where a file may be either,
the user has to say which. An image that names another file (a backing file, an external data file, an extent, a
parent) is refused, as it could name any file of this machine; a qcow2's are followed if the user has agreed to it.
Sources: docs/interop/qcow2.txt and vmdk.txt of QEMU.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from rescue.targets.disks.not_an_image import refuse_packed
from rescue.targets.disks.qcow2 import furthest
from rescue.targets.protocol import TargetError

FORMATS = ("raw", "qcow2", "vmdk", "vhdx", "vpc", "vdi")
"""QEMU's names of the formats that are known; vpc is Microsoft's VHD."""

_QCOW2_DATA_FILE = 1 << 2
_QCOW2_BACKING_FORMAT, _QCOW2_DATA_FILE_NAME = 0xE2792ACA, 0x44415441
_MAX_CHAIN = 16
_RAW_NAMES = (".raw", ".dd", ".bin", ".hdd")
_PROTOCOL = re.compile(r"[^/]*:")
"""What QEMU takes for a protocol (path_has_protocol), "json:" among them."""
_VMDK_DESCRIPTOR_LIMIT = 64 << 10
_VMDK_PARENT = (512, 20 * 512)
"""Where QEMU looks for a parent, and how many bytes: wherever the header says that the descriptor is."""


@dataclass(frozen=True, slots=True)
class DiskImage:
    """An image file. format: QEMU's name for it. size: of the file, in bytes.

    backing: what is below it; data_file: the raw file that holds its data. Both only where it was agreed to.
    """

    path: Path
    format: str
    size: int
    backing: DiskImage | None = None
    data_file: Path | None = None


def image_at(path: Path, stated: str | None = None, *, allow_backing: bool = False) -> DiskImage:
    """The image at `path`; `stated`: its format, as the person says.

    Raises TargetError for an empty one, for one that needs another file (except a qcow2 with `allow_backing`), and
    for one that may be a raw disk or another format.
    """
    return _image(path, stated, allow_backing, _MAX_CHAIN)


def _image(path: Path, stated: str | None, allow_backing: bool, depth: int) -> DiskImage:
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        head = stream.read(4096)
        if not head:
            raise TargetError(f"{path} is empty", "Was the copy interrupted? Copy the image again.")
        if stated == "raw":
            return DiskImage(path, "raw", size)
        other = _magic_format(head)
        if stated is None and other == "raw":
            refuse_packed(path, head)
        if stated is None and other != "raw" and _may_be_raw(path, head):
            raise TargetError(
                f"{path} may be a raw disk or a {other} image: a server can write such a header to its own raw disk",
                f"Give the format that its virtual machine is set to: --format raw, or --format {other}.",
            )
        if stated is not None and stated != other:
            raise TargetError(f"{path} is not a {stated} image", f"Use --format {other}, or omit --format.")
        if head[:4] == b"QFI\xfb":
            stream.seek(0)
            head = stream.read(64 << 10)
            made = _qcow2(path, head, size, allow_backing, depth)
            if made.data_file is None and furthest(stream, head, size) >= size:
                raise _cut_off(path, size)
            return made
        if head[:4] == b"KDMV":
            sector = struct.unpack_from("<Q", head, 28)[0] if len(head) >= 44 else 0
            count = struct.unpack_from("<Q", head, 36)[0] if len(head) >= 44 else 0
            stream.seek(min(sector * 512, size))
            descriptor = stream.read(min(count * 512, _VMDK_DESCRIPTOR_LIMIT))
            stream.seek(_VMDK_PARENT[0])
            _check_vmdk(path, head, descriptor, stream.read(_VMDK_PARENT[1]))
            return DiskImage(path, "vmdk", size)
    if head.lstrip().startswith(b"# Disk DescriptorFile"):
        raise _leans(path, "its data is in other files", "Name the data file (often ...-flat.vmdk) instead.")
    if other in ("vpc", "vdi") and _is_difference(head, other):
        hint = "Merge it with its parent on the machine's host: VBoxManage clonemedium FILE NEW.vdi; Convert-VHD."
        raise _leans(path, "it holds only the differences from another image", hint)
    return DiskImage(path, other, size)


def _magic_format(head: bytes) -> str:
    for magic, name in ((b"QFI\xfb", "qcow2"), (b"KDMV", "vmdk"), (b"vhdxfile", "vhdx"), (b"conectix", "vpc")):
        if head.startswith(magic):
            return name
    return "vdi" if head[:4] == b"<<< " and head[64:68] == b"\x7f\x10\xda\xbe" else "raw"


def _is_difference(head: bytes, kind: str) -> bool:
    """Whether a VHD's or VDI's header names a parent: by the disk's type, or by other UUIDs."""
    if kind == "vpc":
        return head[60:64] == struct.pack(">I", 4)
    return head[0x4C:0x50] == struct.pack("<I", 4) or any(head[0x1A8:0x1C8])


def _may_be_raw(path: Path, head: bytes) -> bool:
    """Whether the file is named as a raw disk, or holds traces of one: a boot sector, a GPT, an ext4 superblock."""
    traces = head[510:512] == b"\x55\xaa" or head[512:520] == b"EFI PART" or head[1080:1082] == b"\x53\xef"
    return traces or path.name.lower().endswith(_RAW_NAMES)


def _qcow2(path: Path, head: bytes, size: int, allow_backing: bool, depth: int) -> DiskImage:
    if len(head) < 72:
        raise TargetError(f"{path} is cut off: its qcow2 header is incomplete", "Copy the image again.")
    version, at, length = struct.unpack_from(">IQI", head, 4)
    if version not in (2, 3):
        raise TargetError(f"{path} is qcow version {version}, which is not supported", _convert(path))
    crypt, entries, table = struct.unpack_from(">IIQ", head, 32)
    if crypt:
        raise TargetError(f"{path} is encrypted", "Decrypt it to another file with qemu-img convert first.")
    features = struct.unpack_from(">Q", head, 72)[0] if version >= 3 and len(head) >= 80 else 0
    outside = bool(features & _QCOW2_DATA_FILE)
    if entries and table >= size:
        raise _cut_off(path, size)
    backing, data_file = None, None
    if (at or outside) and not allow_backing:
        what = "it has a backing file" if at else "its data is in an external file"
        told = f"{_convert(path)}; or add --allow-backing."
        raise _leans(path, what, f"If you trust the image, merge it into one: {told}")
    if at or outside:
        extensions = _extensions(head, version)
        if outside:
            data_file = _named(path, extensions.get(_QCOW2_DATA_FILE_NAME, b""))
        if at:
            if not depth:
                raise TargetError(f"the backing files of {path} never end", "It is damaged or malicious.")
            below = _named(path, head[at : at + length] if length <= 1023 else b"")
            told_format = extensions.get(_QCOW2_BACKING_FORMAT, b"").decode("ascii", "replace")
            if told_format not in FORMATS:
                raise TargetError(
                    f"{path} does not say which format its backing file {str(below)!r} has",
                    f"Set it: qemu-img rebase -u -F FORMAT -b {quote(str(below))} {quote(str(path))}",
                )
            backing = _image(below, told_format, True, depth - 1)
    return DiskImage(path, "qcow2", size, backing, data_file)


def _cut_off(path: Path, size: int) -> TargetError:
    return TargetError(
        f"{path} is cut off: it ends after {size} bytes, but its data goes further",
        "The copy was interrupted, or its disk was full. Copy the image again.",
    )


def _extensions(head: bytes, version: int) -> dict[int, bytes]:
    """The header extensions of a qcow2, by their type."""
    at = struct.unpack_from(">I", head, 100)[0] if version >= 3 and len(head) >= 104 else 72
    found: dict[int, bytes] = {}
    while at + 8 <= len(head):
        kind, length = struct.unpack_from(">II", head, at)
        if not kind:
            break
        found[kind] = head[at + 8 : at + 8 + length]
        at += 8 + (length + 7 & ~7)
    return found


def _named(path: Path, name: bytes) -> Path:
    """The regular file that an image names. A name that QEMU takes for something else than a file is refused."""
    text = os.fsdecode(name)
    below = path.parent / text
    if not text or "\0" in text or _PROTOCOL.match(text):
        raise _leans(
            path, f"it names {text!r}, which is not a file", f"If you trust it, merge it into one: {_convert(path)}"
        )
    if not below.is_file():
        raise TargetError(
            f"{path} needs the file {str(below)!r}, which is missing", "Copy it next to the image, and try again."
        )
    return below


def _check_vmdk(path: Path, head: bytes, descriptor: bytes, second: bytes) -> None:
    capacity = struct.unpack_from("<Q", head, 12)[0] if len(head) >= 44 else 0
    extents = [line for line in descriptor.split(b"\n") if line.startswith((b"RW ", b"RDONLY ", b"NOACCESS "))]
    if not capacity or len(extents) > 1 or any(b"parentFileNameHint" in each for each in (descriptor, second)):
        raise _leans(path, "its data is in other files", f"If you trust it, merge it into one: {_convert(path)}")


def _leans(path: Path, why: str, hint: str) -> TargetError:
    return TargetError(f"{path} can't be opened safely on its own: {why}", hint)


def _convert(path: Path) -> str:
    return f"qemu-img convert -O qcow2 {quote(str(path))} NEW.qcow2"


def attached_as(path: Path) -> str | None:
    """The loop device, able to write, that somebody has attached the image to."""
    for told in Path("/sys/class/block").glob("loop*/loop/backing_file"):
        try:
            same = Path(told.read_text().rstrip("\n")).samefile(path)
            read_only = (told.parent.parent / "ro").read_text().strip() == "1"
        except OSError:
            continue
        if same and not read_only:
            return f"/dev/{told.parent.parent.name}"
    return None
