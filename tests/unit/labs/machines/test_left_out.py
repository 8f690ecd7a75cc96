"""What a machine leaves out of a server's boot: listed for people, each with its reason, and no unit of a login."""

import pytest

from rescue.labs.machines.left_out import DEVICES, UNITS
from rescue.man import pages

pytestmark = pytest.mark.unit

FSTAB_UNITS = (".mount", ".swap", ".automount", ".device", ".target")
"""Kinds of units that a line of /etc/fstab, or another generator's file, can stand behind."""


def test_each_has_a_reason() -> None:
    assert all(each.why.endswith(".") for each in UNITS)
    assert all(why.endswith(".") for why in DEVICES.values())


def test_no_unit_that_a_file_of_the_server_makes_is_left_out() -> None:
    assert not [each.unit for each in UNITS if each.unit.endswith(FSTAB_UNITS)]


@pytest.mark.parametrize("subsystem", ["acpi", "block", "input", "misc", "net", "pci", "platform", "virtio"])
def test_disks_networks_and_buses_are_announced(subsystem: str) -> None:
    assert subsystem not in DEVICES


def test_the_manual_of_the_lab_lists_them_all() -> None:
    words = set(pages()["lab"].partition("What a machine leaves out")[2].replace(",", " ").split())
    assert {each.unit for each in UNITS} | DEVICES.keys() <= words
