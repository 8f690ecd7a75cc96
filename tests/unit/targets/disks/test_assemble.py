"""What the server's fstab has below its root is found among the volumes of the disk, however it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescue.targets.disks.assemble import belonging, surplus, wanted_mounts
from rescue.targets.disks.probe import Found, Partition
from rescue.targets.disks.volumes import Volume

pytestmark = pytest.mark.unit

ROOT = Volume(Partition(1, 0, 0, "11111111-aaaa", "system"), Found("ext4", "aaaa-1", "root"), None, "disk partition 1")
HOME = Volume(Partition(2, 0, 0, "22222222-bbbb", "people"), Found("xfs", "BBBB-2", "home"), None, "disk partition 2")
LOGICAL = Volume(Partition(0, 0, 0), Found("ext4", "cccc-3"), Path("/dev/vg-a/home"), "/dev/vg-a/home")


@pytest.mark.parametrize(
    "device",
    [
        "UUID=bbbb-2",
        'UUID="BBBB-2"',
        "LABEL=home",
        "PARTUUID=22222222-BBBB",
        "PARTLABEL=people",
        "/dev/disk/by-uuid/BBBB-2",
        "/dev/disk/by-label/home",
        "/dev/disk/by-partuuid/22222222-bbbb",
        "/dev/sda2",
    ],
)
def test_a_volume_is_found_by_its_name(device: str) -> None:
    fstab = f"/dev/sda1 / ext4 defaults 0 1\n{device} /home xfs defaults 0 2\n"
    assert [each.volume for each in belonging(fstab, ROOT, (ROOT, HOME))] == [HOME]


def test_a_logical_volume_is_found_by_either_of_its_names() -> None:
    for device in ("/dev/vg-a/home", "/dev/mapper/vg--a-home"):
        found = belonging(f"{device} /home ext4 defaults 0 2\n", ROOT, (ROOT, LOGICAL))
        assert [each.volume for each in found] == [LOGICAL]


def test_of_two_groups_of_one_name_the_roots_own_is_meant() -> None:
    root, mine = (
        Volume(Partition(0, 0, 0), Found("ext4", f"mine-{name}"), None, f"/dev/vg/{name}", group="mine")
        for name in ("root", "home")
    )
    theirs = Volume(Partition(0, 0, 0), Found("ext4", "theirs"), None, "/dev/vg/home", group="theirs")
    for volumes in ((theirs, root, mine), (mine, theirs, root)):
        found = belonging("/dev/vg/home /home ext4 defaults 0 2\n", root, volumes)
        assert [each.volume for each in found] == [mine]


def test_a_partition_of_another_disk_with_the_same_number_is_not_meant() -> None:
    root = Volume(Partition(1, 0, 0), Found("ext4"), None, "/dev/vda1", disk="/dev/vda")
    other = Volume(Partition(2, 0, 0), Found("ext4"), None, "/dev/vdb2", disk="/dev/vdb")
    own = Volume(Partition(2, 0, 0), Found("ext4"), None, "/dev/vda2", disk="/dev/vda")
    fstab = "/dev/sda1 / ext4 defaults 0 1\n/dev/sda2 /home ext4 defaults 0 2\n"
    assert [each.volume for each in belonging(fstab, root, (root, other, own))] == [own]


def test_another_disks_partition_is_not_taken_for_this_ones() -> None:
    fstab = "/dev/sda1 / ext4 defaults 0 1\n/dev/sdb2 /home xfs defaults 0 2\n"
    assert [each.volume for each in belonging(fstab, ROOT, (ROOT, HOME))] == [None]
    unknown = "UUID=aaaa-1 / ext4 defaults 0 1\n/dev/sda2 /home xfs defaults 0 2\n"
    assert [each.volume for each in belonging(unknown, ROOT, (ROOT, HOME))] == [None]


def test_what_does_not_matter_to_a_login_is_left_out() -> None:
    fstab = (
        "# /dev/sda2 /home ext4 defaults 0 2\n"
        "UUID=1 /boot/efi vfat umask=0077 0 1\n"
        "UUID=2 none swap sw 0 0\n"
        "tmpfs /tmp tmpfs size=1g 0 0\n"
        "server:/export /home nfs defaults 0 0\n"
        "UUID=3 /mnt/backup ext4 defaults 0 0\n"
        "UUID=4 /var/../etc ext4 defaults 0 0\n"
        "short line\n"
    )
    assert wanted_mounts(fstab) == ()


def test_parents_come_before_children_and_of_two_lines_the_first_counts() -> None:
    fstab = "UUID=1 /var/log ext4 defaults 0 2\nUUID=2 /var ext4\nUUID=3 /var/ btrfs subvol=@var 0 0\n"
    assert [(each.point, each.device, each.subvolume) for each in wanted_mounts(fstab)] == [
        ("/var", "UUID=2", ""),
        ("/var/log", "UUID=1", ""),
    ]


def test_of_a_strangers_thousand_mounts_the_uppermost_are_made_and_the_rest_is_told() -> None:
    lines = [f"UUID={number} /var/deep/{number} ext4 defaults 0 2\n" for number in range(1000)]
    found = wanted_mounts("".join(lines) + "UUID=x /var ext4 defaults 0 2\n")
    assert (len(found), found[0].point) == (64, "/var")
    assert surplus("".join(lines)) == ("fstab has 936 mounts more than rescue makes: what is on them was not checked",)
    assert surplus(lines[0]) == ()


@pytest.mark.parametrize("point", ["/home/../etc", "home", "none"])
def test_what_is_no_place_below_the_root_is_left_out(point: str) -> None:
    assert wanted_mounts(f"LABEL=x {point} ext4 defaults 0 2\n") == ()


def test_what_is_no_escape_to_systemd_stays_as_it_is() -> None:
    assert [each.point for each in wanted_mounts("LABEL=x /home/a\\000b ext4\n")] == ["/home/a\\000b"]


def test_a_mount_point_is_read_as_mount_does() -> None:
    assert [each.point for each in wanted_mounts("LABEL=x //home/./alice/ ext4 defaults 0 2\n")] == ["/home/alice"]


def test_escaped_characters_are_read() -> None:
    assert wanted_mounts("LABEL=my\\040home /home/the\\040people ext4 defaults 0 2\n")[0].point == "/home/the people"


@pytest.mark.parametrize("line", ["LABEL=home /home ext4", "LABEL=home /home", "\tLABEL=home\t/home ext4\r"])
def test_two_fields_are_a_mount(line: str) -> None:
    assert [each.volume for each in belonging(f"/dev/sda1 / ext4\n{line}\n", ROOT, (ROOT, HOME))] == [HOME]
