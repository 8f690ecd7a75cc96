"""Image formats are told by their own magic; one that names another file is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from rescue.targets.disks.image import image_at
from rescue.targets.protocol import TargetError

pytestmark = pytest.mark.unit


def qcow2(*, backing: int = 0, crypt: int = 0, features: int = 0, version: int = 3) -> bytes:
    head = struct.pack(">4sIQIIQI", b"QFI\xfb", version, backing, 0, 16, 1 << 30, crypt)
    return head.ljust(72, b"\0") + struct.pack(">QQQ", features, 0, 0) + bytes(200)


def vmdk(descriptor: bytes, capacity: int = 2048) -> bytes:
    head = struct.pack("<4sIIQQQQ", b"KDMV", 1, 3, capacity, 128, 1, 1)
    return head.ljust(512, b"\0") + descriptor.ljust(512, b"\0")


ONE_EXTENT = b'# Disk DescriptorFile\nversion=1\ncreateType="monolithicSparse"\nRW 2048 SPARSE "disk.vmdk"\n'


@pytest.mark.parametrize(
    ("content", "format_name"),
    [
        (qcow2(), "qcow2"),
        (qcow2(version=2), "qcow2"),
        (qcow2()[:40] + b"\xff" * 8 + qcow2()[48:], "qcow2"),  # no table, which is further away than any file ends
        (vmdk(ONE_EXTENT), "vmdk"),
        (b"vhdxfile" + bytes(100), "vhdx"),
        (b"conectix" + bytes(504), "vpc"),
        (b"<<< Oracle VM VirtualBox Disk Image >>>\n".ljust(64, b"\0") + b"\x7f\x10\xda\xbe", "vdi"),
        (b"\0" * 512, "raw"),
        (b"\0QFI\xfb", "raw"),
    ],
)
def test_formats(tmp_path: Path, content: bytes, format_name: str) -> None:
    path = tmp_path / "image"
    path.write_bytes(content)
    assert image_at(path).format == format_name


@pytest.mark.parametrize(
    "content",
    [
        qcow2(backing=512),
        qcow2(features=4),
        vmdk(ONE_EXTENT + b'RW 1 FLAT "/etc/shadow" 0\n'),
        vmdk(ONE_EXTENT + b'parentFileNameHint="/etc/shadow"\n'),
        vmdk(ONE_EXTENT, capacity=0),
        (b"conectix" + bytes(52) + b"\0\0\0\4").ljust(512, b"\0"),
        (b"<<< Oracle".ljust(64, b"\0") + b"\x7f\x10\xda\xbe").ljust(0x1B8, b"\0") + bytes(range(16)),
        # The header says that the descriptor is elsewhere; QEMU looks for a parent behind the header all the same.
        vmdk(b'parentFileNameHint="/srv/others.vmdk"\n').replace(struct.pack("<QQ", 1, 1), struct.pack("<QQ", 2, 1))
        + ONE_EXTENT,
        b'# Disk DescriptorFile\nversion=1\nRW 2048 FLAT "/etc/shadow" 0\n',
    ],
)
def test_an_image_that_names_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "image"
    path.write_bytes(content)
    with pytest.raises(TargetError, match="on its own") as refused:
        image_at(path)
    assert refused.value.hint


def test_a_command_to_type_is_quoted(tmp_path: Path) -> None:
    path = tmp_path / "my disk;reboot.qcow2"
    path.write_bytes(qcow2(backing=512))
    with pytest.raises(TargetError) as refused:
        image_at(path)
    assert f"-O qcow2 '{path}' NEW" in refused.value.hint


@pytest.mark.parametrize("content", [b"", b"QFI\xfb\0\0\0\3", qcow2(crypt=2), qcow2(version=9), b"KDMV"])
def test_what_is_cut_off_empty_or_encrypted_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "image"
    path.write_bytes(content)
    with pytest.raises(TargetError) as refused:
        image_at(path)
    assert refused.value.hint


@pytest.mark.parametrize("name", ["server.raw", "server.img"])
@pytest.mark.parametrize("content", [qcow2(), vmdk(ONE_EXTENT), b"vhdxfile" + bytes(600)])
def test_a_raw_disk_may_carry_any_header_and_the_person_decides(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    # The name says raw, or the boot sector's end does.
    path.write_bytes(content if name.endswith(".raw") else content[:510].ljust(510, b"\0") + b"\x55\xaa" + bytes(512))
    with pytest.raises(TargetError, match="may be a raw disk"):
        image_at(path)
    assert image_at(path, "raw").format == "raw"
    with pytest.raises(TargetError, match="not a vdi image"):
        image_at(path, "vdi")


def cut(tables: int, entry: int, size: int, bits: int = 16) -> bytes:
    """A qcow2 of `size` bytes whose second tables, one cluster each behind the first, end with `entry`."""
    cluster = 1 << bits
    head = struct.pack(">4sIQIIQIIQ", b"QFI\xfb", 3, 0, 0, bits, 1 << 40, 0, tables, cluster).ljust(cluster, b"\0")
    first = b"".join(struct.pack(">Q", (1 << 63) | (2 + number) * cluster) for number in range(tables))
    second = struct.pack(">Q", entry).rjust(cluster, b"\0")
    return (head + first.ljust(cluster, b"\0") + second * tables)[:size].ljust(size, b"\0")


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (cut(1, 0, 3 << 16), True),
        (cut(1, (1 << 63) | (3 << 16), 4 << 16), True),
        # The last cluster may be short: the file ends where the data does.
        (cut(1, (1 << 63) | (3 << 16), (3 << 16) + 1), True),
        (cut(1, (1 << 63) | (3 << 16), 3 << 16), False),
        (cut(2, 0, 3 << 16), False),
        (cut(300, (1 << 63) | (1 << 40), 302 << 16), False),
        # Of compressed clusters nothing is said here.
        (cut(1, (1 << 62) | (9 << 50) | (3 << 16), 3 << 16), True),
    ],
)
def test_a_copy_that_was_interrupted_is_known_by_its_tables(tmp_path: Path, content: bytes, whole: bool) -> None:
    path = tmp_path / "image"
    path.write_bytes(content)
    if whole:
        assert image_at(path).format == "qcow2"
        return
    with pytest.raises(TargetError, match="is cut off: it ends after") as told:
        image_at(path)
    assert "Copy the image again" in told.value.hint


@pytest.mark.parametrize(
    ("content", "command"),
    [
        (b"\xfd7zXZ\0" + bytes(600), "xz --decompress --keep"),
        (b"PK\3\4" + bytes(600), "unzip"),
        (bytes(257) + b"ustar\0" + bytes(400), "tar -xf"),
    ],
)
def test_what_is_packed_is_to_be_unpacked_first(tmp_path: Path, content: bytes, command: str) -> None:
    path = tmp_path / "my image"
    path.write_bytes(content)
    with pytest.raises(TargetError) as told:
        image_at(path)
    assert command in told.value.hint
    assert f"'{path}'" in told.value.hint
    # A boot sector may begin with any bytes, and the person may know better.
    assert image_at(path, "raw").format == "raw"
    path.write_bytes(content[:510] + b"\x55\xaa")
    assert image_at(path).format == "raw"
