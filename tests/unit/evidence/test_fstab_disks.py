import pytest

from rescue.examine import examine
from rescue.model import Client, Gap
from rescue.tree import Device, Devices, Tree
from tests.trees import ROOMY, healthy

pytestmark = pytest.mark.unit


def gaps(fstab: str, devices: Devices | None) -> list[Gap]:
    tree = Tree.of({**healthy(), "/etc/fstab": fstab}, [ROOMY], devices)
    return [gap for gap in examine(tree, Client()).path.gaps if gap.check == "fstab-disks"]


def test_a_directory_does_not_tell_which_disks_there_are() -> None:
    (gap,) = gaps("UUID=a / ext4\nUUID=b /srv ext4\nUUID=c /mnt ext4 nofail\n", None)
    assert "UUID=b for /srv" in gap.what
    assert "UUID=c" not in gap.what
    assert "rescue inspect /dev/" in gap.supply


def test_a_volume_is_made_at_boot() -> None:
    known = Devices((Device(uuid="b"),))
    assert gaps("UUID=b /srv ext4\n", known) == []
    assert "/dev/vg/home for /home" in gaps("UUID=b /srv ext4\n/dev/vg/home /home ext4\n", known)[0].what


def test_what_is_not_required_is_not_asked_for() -> None:
    assert gaps("UUID=a / ext4\nhost:/x /srv nfs\ntmpfs /tmp tmpfs\nUUID=s none swap sw\n", None) == []
