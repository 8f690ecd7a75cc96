"""What the appliance's own tools say of its disks is understood: containers, what lies in them, what is encrypted."""

from __future__ import annotations

import json

import pytest

from rescue.targets.appliance.volumes import seen, subvolume, unlocked, volumes_of
from rescue.targets.disks.probe import Found, Partition
from rescue.targets.disks.volumes import Volume
from rescue.targets.opening import Opening
from rescue.targets.protocol import TargetError

pytestmark = pytest.mark.unit


def device(path: str, kind: str, *children: object) -> dict[str, object]:
    return {"path": path, "type": kind} | ({"children": list(children)} if children else {})


HOME = device("/dev/mapper/vg--0-home", "lvm")
DISKS = [
    device(
        "/dev/sda", "disk",
        device("/dev/sda1", "part"),
        device("/dev/sda2", "part"),
        device(
            "/dev/sda3", "part",
            device("/dev/mapper/vg--0-root", "lvm"),
            device("/dev/mapper/vg--0-home_rimage_0", "lvm", HOME),
        ),
        device("/dev/sda4", "part", device("/dev/md127", "raid1")),
    ),
    device("/dev/sdb", "disk", device("/dev/md127", "raid1"), device("/dev/mapper/vg--0-home_rimage_1", "lvm", HOME)),
    device("/dev/sdc", "disk"),
]  # fmt: skip
KNOWN = r"""DEVNAME=/dev/sda1
UUID=AAAA-BBBB
TYPE=vfat

DEVNAME=/dev/sda2
UUID=1111
TYPE=crypto_LUKS
PARTUUID=2222

DEVNAME=/dev/sda3
TYPE=LVM2_member

DEVNAME=/dev/mapper/vg--0-root
LABEL=the\ server\'s\ =\ root
UUID=3333
TYPE=ext4

DEVNAME=/dev/mapper/vg--0-home
TYPE=xfs

DEVNAME=/dev/mapper/vg--0-home_rimage_0
TYPE=xfs

DEVNAME=/dev/sda4
TYPE=linux_raid_member

DEVNAME=/dev/md127
TYPE=btrfs

DEVNAME=/dev/sdc
TYPE=ext2
"""


class Appliance:
    """Answers as an appliance whose own disk is the last one."""

    def get_pid(self) -> int:
        raise RuntimeError("its machine is not ours")

    def __init__(self, said: str, passphrase: str = "right") -> None:
        self.said = said
        self.passphrase = passphrase
        self.opened: list[tuple[str, str, bool]] = []

    def debug(self, command: str, words: list[str]) -> str:
        assert command == "sh"
        if "lsblk" not in words[0]:
            raise RuntimeError("debug: no shell")
        # lsblk prints its tree for the column NAME alone; without it all devices stand side by side.
        assert "--output NAME," in words[0]
        return self.said

    def list_devices(self) -> list[str]:
        return ["/dev/sda", "/dev/sdb"]

    def list_filesystems(self) -> dict[str, str]:
        return {"/dev/sda1": "ext4", "btrfsvol:/dev/sda2/@": "btrfs", "/dev/sda3": "unknown"}

    def vfs_uuid(self, name: str) -> str:
        return "4444"

    vfs_label = vfs_uuid

    def cryptsetup_open(self, device: str, key: str, name: str, *, readonly: bool) -> None:
        if key != self.passphrase:
            raise RuntimeError("cryptsetup_open: No key available with this passphrase.")
        self.opened.append((device, name, readonly))

    def lvm_scan(self, activate: bool) -> None:
        assert activate


ORDER = "/dev/sda\n/dev/sdb\n/dev/sdc\n\n"
LISTED = json.dumps({"blockdevices": DISKS}, indent=3) + "\n\n" + KNOWN
SAID = ORDER + LISTED


def test_what_nothing_else_lies_in_is_a_volume_and_the_appliances_own_disk_is_none() -> None:
    found = {volume.name: (volume.found.type, volume.group) for volume in volumes_of(Appliance(SAID))}
    assert found == {
        "/dev/sda2": ("LUKS", ""),
        "/dev/vg-0/root": ("ext4", "vg-0"),
        "/dev/vg-0/home": ("xfs", "vg-0"),
        "/dev/md127": ("btrfs", ""),
    }


def test_names_numbers_and_identifiers_are_read() -> None:
    locked, root, *_ = volumes_of(Appliance(SAID))
    assert (locked.partition, locked.found.uuid) == (Partition(2, 0, 0, "2222"), "1111")
    assert root.found == Found("ext4", "3333", "the server's = root")


def test_where_the_appliance_has_no_shell_libguestfs_own_list_serves() -> None:
    found = volumes_of(Appliance("no shell"))
    assert [(volume.name, volume.found) for volume in found] == [("/dev/sda1", Found("ext4", "4444", "4444"))]


def test_where_the_kernel_has_found_the_disks_in_another_order_libguestfs_names_count() -> None:
    swapped = volumes_of(Appliance("/dev/sdb\n/dev/sda\n/dev/sdc\n\n" + LISTED))
    assert ("/dev/sdb2", "/dev/sdb") in {(volume.name, volume.disk) for volume in swapped}
    shifted = volumes_of(Appliance("/dev/sdc\n/dev/sda\n/dev/sdb\n\n" + LISTED))
    assert {"/dev/sda": "ext2", "/dev/sdb2": "LUKS"}.items() <= {
        volume.name: volume.found.type for volume in shifted
    }.items()
    twice = volumes_of(Appliance("/dev/sda1\n/dev/sda\n/dev/sdb\n/dev/sdb\n/dev/vda\n/dev/vda\n\n" + LISTED))
    assert twice == volumes_of(Appliance(SAID))
    unknown = volumes_of(Appliance("\n" + LISTED))
    assert [volume.found for volume in unknown] == [Found("ext4", "4444", "4444")]


def test_the_appliances_own_disk_is_known_by_its_mount_and_libguestfs_is_not_asked() -> None:
    class Silent(Appliance):
        def list_devices(self) -> list[str]:
            raise AssertionError("it waits for udev")

    own = [*DISKS[:2], device("/dev/vda", "disk") | {"mountpoint": "/"}]
    said = "/dev/sda\n/dev/vda\n/dev/sdb\n\n" + json.dumps({"blockdevices": own}) + "\n\n" + KNOWN
    assert volumes_of(Silent(said)) == volumes_of(Appliance(SAID))
    assert {each.type for each in seen(Silent(said)).devices} >= {"ext4", "xfs", "crypto_LUKS"}
    mine = Silent(said.replace("DEVNAME=/dev/sdc", "DEVNAME=/dev/vda"))
    assert "ext2" not in {each.type for each in seen(mine).devices}


@pytest.mark.parametrize("given", [b"right", b"right\n"])
def test_a_passphrase_from_a_file_may_end_with_a_lines_end(given: bytes) -> None:
    handle = Appliance(SAID)
    unlocked(handle, volumes_of(handle), Opening(passphrase=lambda name, again: given), write=False)
    assert handle.opened == [("/dev/sda2", "rescue-luks-0", True)]


def test_a_person_may_mistype_twice_and_a_file_never() -> None:
    handle, answers = Appliance(SAID), iter([b"wrong", b"rigth", b"right"])
    asked: list[bool] = []

    def ask(name: str, again: bool) -> bytes:
        asked.append(again)
        return next(answers)

    unlocked(handle, volumes_of(handle), Opening(passphrase=ask, asks=True), write=True)
    assert (asked, handle.opened) == ([False, True, True], [("/dev/sda2", "rescue-luks-0", False)])
    with pytest.raises(TargetError, match="wrong"):
        unlocked(handle, volumes_of(handle), Opening(passphrase=lambda name, again: b"wrong"), write=True)
    with pytest.raises(TargetError, match="no terminal"):
        unlocked(handle, volumes_of(handle), Opening(), write=True)


def test_a_subvolume_is_named_as_libguestfs_does() -> None:
    volume = Volume(Partition(1, 0, 0), Found("btrfs"), None, "/dev/vg/root")
    assert subvolume(volume, "/@home").name == "btrfsvol:/dev/vg/root/@home"


def test_an_array_that_waits_for_a_disk_is_told_to_run_without_it() -> None:
    waits = device("/dev/sda", "disk", device("/dev/md0", "md"))
    said = {
        False: ORDER + json.dumps({"blockdevices": [waits]}) + "\n\nDEVNAME=/dev/sda\nTYPE=linux_raid_member\n",
        True: ORDER + json.dumps({"blockdevices": [waits]}) + "\n\nDEVNAME=/dev/md0\nTYPE=ext4\n",
    }

    class Waiting(Appliance):
        def debug(self, command: str, words: list[str]) -> str:
            return said["mdadm --run" in words[0]]

    assert [(each.name, each.found.type) for each in volumes_of(Waiting(""))] == [("/dev/md0", "ext4")]
