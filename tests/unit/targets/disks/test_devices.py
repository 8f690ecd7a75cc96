"""The names that udev gives to what can be mounted."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescue.targets.disks.devices import of_this_machine
from rescue.tree import Device

pytestmark = pytest.mark.unit


def test_without_udev_nothing_is_known(tmp_path: Path) -> None:
    assert of_this_machine(tmp_path, tmp_path) is None


def test_all_names_of_a_device_are_put_together(tmp_path: Path) -> None:
    dev, blocks = tmp_path / "dev", tmp_path / "block"
    for name in ("vda1", "dm-0"):
        (blocks / name).mkdir(parents=True)
    for directory, name, node in (
        ("by-uuid", "0e5b-root", "vda1"),
        ("by-label", r"my\x20disk", "vda1"),
        ("by-partuuid", "4d-01", "vda1"),
        ("by-uuid", "vol", "dm-0"),
    ):
        (dev / "disk" / directory).mkdir(parents=True, exist_ok=True)
        (dev / "disk" / directory / name).symlink_to(f"../../{node}")
    (dev / "mapper").mkdir()
    (dev / "mapper" / "vg-root").symlink_to("../dm-0")
    (dev / "sdf").symlink_to("vda1")
    found = of_this_machine(dev, blocks)
    assert found is not None
    assert Device("/dev/vda1", uuid="0e5b-root", label="my disk", partuuid="4d-01") in found
    assert Device("/dev/mapper/vg-root", uuid="vol") in found
    assert Device("/dev/sdf") in found
