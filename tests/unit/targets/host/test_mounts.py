"""mountinfo is read as proc_pid_mountinfo(5) says: octal escapes, optional fields, either kind of read-only."""

from __future__ import annotations

import pytest

from rescue.targets.host.mounts import Mount, parse_mountinfo

pytestmark = pytest.mark.unit


def test_a_plain_line() -> None:
    line = b"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"
    assert parse_mountinfo(line) == (Mount("/", "ext4", "/dev/vda", "254:0", "/", False),)


def test_optional_fields_and_a_subvolume() -> None:
    line = b"36 35 0:42 /@home /home rw,noatime shared:7 master:1 - btrfs /dev/sda2 rw,subvol=/@home\n"
    assert parse_mountinfo(line) == (Mount("/home", "btrfs", "/dev/sda2", "0:42", "/@home", False),)


@pytest.mark.parametrize("options", [(b"ro", b"rw"), (b"rw", b"ro"), (b"ro,nosuid", b"ro,errors=continue")])
def test_read_only_may_be_the_mounts_or_the_file_systems(options: tuple[bytes, bytes]) -> None:
    line = b"36 35 8:1 / /mnt %s - ext4 /dev/sda1 %s" % options
    assert parse_mountinfo(line)[0].read_only


def test_names_with_spaces_line_ends_and_odd_bytes() -> None:
    line = b"36 35 8:1 / /mnt/my\\040disk\\012x\\134y\xe9 rw - ext4 /dev/sda1 rw"
    assert parse_mountinfo(line)[0].point == "/mnt/my disk\nx\\y\udce9"


def test_lines_that_are_none_are_left_out() -> None:
    assert parse_mountinfo(b"\nshort line\n36 35 8:1 / /mnt rw no-separator ext4 /dev/sda1 rw\n") == ()
