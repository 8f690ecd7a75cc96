"""Image formats are told by their own magic; one that names another file is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from rescue.target.image import image_at
from rescue.target.protocol import TargetError

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
    with pytest.raises(TargetError, match="no vdi image"):
        image_at(path, "vdi")
