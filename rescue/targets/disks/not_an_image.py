"""Recognise archives and compressed files given in place of an image, by their first bytes (magic(5))."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from rescue.targets.protocol import TargetError

_PACKERS = (
    (b"\x1f\x8b\x08", "gzip", "gunzip --keep"),
    (b"\xfd7zXZ\0", "xz", "xz --decompress --keep"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd --decompress"),
    (b"BZh", "bzip2", "bunzip2 --keep"),
    (b"\x04\x22\x4d\x18", "lz4", "lz4 --decompress"),
    (b"PK\3\4", "zip", "unzip"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip", "7z x"),
)
_TAR = 257


def refuse_packed(path: Path, head: bytes) -> None:
    """Raise TargetError, with the command to unpack it, if the file at `path` is compressed or an archive."""
    if head[510:512] == b"\x55\xaa":
        return  # a boot sector: a disk, whatever else its first bytes may be
    for magic, packer, command in _PACKERS:
        if head.startswith(magic):
            raise TargetError(f"{path} is compressed with {packer}", f"Unpack it first: {command} {quote(str(path))}")
    if head[_TAR : _TAR + 5] == b"ustar":
        raise TargetError(
            f"{path} is a tar archive (as OVA files are)",
            f"Unpack it, then name the disk image inside: tar -xf {quote(str(path))}",
        )
