"""Kernels and initramfs images: whether a file is whole. Pure.

Sources: Documentation/arch/x86/boot.rst (the length of a bzImage), Documentation/driver-api/early-userspace/
buffer-format.rst (an initramfs is a row of archives, packed or not), RFC 8878 (zstd), the frame formats of lz4 and xz.
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

KERNEL_LIMIT, INITRD_LIMIT = 32 << 20, 48 << 20
"""Bytes of a file that is looked into: through libguestfs ten megabytes take a second. What was cut off is short."""

_MOST_ARCHIVES, _MOST_FILES, _MOST_BLOCKS = 64, 200_000, 2_000_000
_STEP = 4 << 20
_CPIO = (b"070701", b"070702")
_ZSTD, _GZIP, _XZ, _LZ4 = b"\x28\xb5\x2f\xfd", b"\x1f\x8b", b"\xfd7zXZ\0", b"\x02\x21\x4c\x18"
_OTHERS = (b"BZh", b"\x5d\0\0", b"\x89LZO")
_SIGNATURE = b"HdrS"
_ROUNDING = 64
_UNPACKED, _MOST_MADE = 24 << 20, 512 << 20
"""Bytes of a gzip file that is unpacked to see its end, and that are made of it at most."""


class _TruncatedImage(Exception):
    """It ends before its end."""


@lru_cache(maxsize=4)
def kernel_fault(data: bytes) -> str:
    """What is wrong with a kernel, in words; empty where nothing is, or where that can't be told of its kind."""
    if not data.strip(b"\0"):
        return "is empty"
    if data[:2] == b"MZ" and data[0x202:0x206] == _SIGNATURE:
        setup = data[0x1F1] or 4
        (paragraphs,) = struct.unpack_from("<I", data, 0x1F4)
        if len(data) < (setup + 1) * 512 + paragraphs * 16 - _ROUNDING:
            return "is cut off"
        return ""
    if len(data) < 0x10000 and data[:2] != b"\x1f\x8b":
        return "is no kernel"
    return ""


@lru_cache(maxsize=4)
def initrd_fault(data: bytes) -> str:
    """The same of an initramfs image."""
    if not data.strip(b"\0"):
        return "is empty"
    at = 0
    try:
        for number in range(_MOST_ARCHIVES):
            while data[at : at + 4096].strip(b"\0") == b"" and at < len(data):
                at += 4096
            while at < len(data) and data[at] == 0:
                at += 1
            if at >= len(data):
                return ""
            following = _archive(data, at)
            if following is None:
                return "is no initramfs" if number == 0 else ""
            at = following
    except _TruncatedImage:
        return "is cut off"
    return ""


def _archive(data: bytes, at: int) -> int | None:
    """Where the archive that begins there ends; None if none does."""
    head = data[at : at + 8]
    if head[:6] in _CPIO:
        return _cpio(data, at)
    if head.startswith(_ZSTD):
        return _zstd(data, at)
    if head.startswith(_GZIP):
        return _gzip(data, at)
    if head.startswith(_LZ4):
        return _lz4(data, at)
    if head.startswith(_XZ):
        if not data.rstrip(b"\0").endswith(b"YZ"):
            raise _TruncatedImage
        return len(data)
    return len(data) if head.startswith(_OTHERS) else None


def _cpio(data: bytes, at: int) -> int:
    for _ in range(_MOST_FILES):
        if at + 110 > len(data):
            raise _TruncatedImage
        if data[at : at + 6] not in _CPIO:
            raise _TruncatedImage
        try:
            size, named = int(data[at + 54 : at + 62], 16), int(data[at + 94 : at + 102], 16)
        except ValueError:
            raise _TruncatedImage from None
        name = data[at + 110 : at + 110 + named].rstrip(b"\0")
        at = _padded(at + 110 + named)
        if name == b"TRAILER!!!":
            return at
        at = _padded(at + size)
    return len(data)


def _padded(at: int) -> int:
    return -(-at // 4) * 4


def _zstd(data: bytes, at: int) -> int:
    if at + 6 > len(data):
        raise _TruncatedImage
    descriptor = data[at + 4]
    single, summed = descriptor >> 5 & 1, descriptor >> 2 & 1
    size = (1 if single else 0, 2, 4, 8)[descriptor >> 6]
    at += 5 + (0 if single else 1) + (0, 1, 2, 4)[descriptor & 3] + size
    for _ in range(_MOST_BLOCKS):
        if at + 3 > len(data):
            raise _TruncatedImage
        block = int.from_bytes(data[at : at + 3], "little")
        at += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
        if block & 1:
            break
    at += 4 * summed
    if at > len(data):
        raise _TruncatedImage
    return at


def _gzip(data: bytes, at: int) -> int:
    if len(data) - at > _UNPACKED:
        return len(data)  # it would take seconds
    unpacking, made = zlib.decompressobj(31), 0
    pending = memoryview(data)[at:]
    while not unpacking.eof:
        if not pending:
            raise _TruncatedImage
        try:
            made += len(unpacking.decompress(pending, _STEP))
        except zlib.error:
            raise _TruncatedImage from None
        pending = memoryview(unpacking.unconsumed_tail)
        if made > _MOST_MADE:
            return len(data)
    return len(data) - len(unpacking.unused_data)


def _lz4(data: bytes, at: int) -> int:
    at += 4
    for _ in range(_MOST_BLOCKS):
        if at == len(data) or data[at : at + 4] == _LZ4 or data[at : at + 4] == bytes(4):
            return at
        if at + 4 > len(data):
            raise _TruncatedImage
        at += 4 + int.from_bytes(data[at : at + 4], "little")
        if at > len(data):
            raise _TruncatedImage
    return len(data)


def emptied_kernel(data: bytes) -> bytes:
    """A kernel of which the same is told, without its content."""
    fault = kernel_fault(data)
    if fault == "is empty":
        return b""
    if fault == "is no kernel":
        return data[:2] + b"left-out"
    made = bytearray(0x206)
    made[0:2], made[0x1F1], made[0x202:0x206] = b"MZ", 1, _SIGNATURE
    struct.pack_into("<I", made, 0x1F4, 1 << 20 if fault else 0)
    return bytes(made) + bytes(1024)


def emptied_initrd(data: bytes) -> bytes:
    """The same of an initramfs image."""
    fault = initrd_fault(data)
    if fault:
        return {"is empty": b"", "is cut off": b"070701"}.get(fault, b"left-out")
    name = b"TRAILER!!!\0"
    return b"070701" + b"%08x" * 13 % (*([0] * 11), len(name), 0) + name + b"\0"
