"""The links boot and network are never wholly judged; what is said of them names what was not."""

import pytest

from rescue.examine import examine
from rescue.model import Client
from rescue.tree import Tree
from tests.networks import networkd, networked
from tests.trees import server

pytestmark = pytest.mark.unit


def said(tree: Tree, check: str) -> str:
    return "; ".join(gap.what for gap in examine(tree, Client()).path.gaps if gap.check == check)


def test_addresses_that_are_written_are_for_the_person_to_compare() -> None:
    told = said(networked(networkd("Name=e*", "Address=192.0.2.2/24\nGateway=192.0.2.1")), "network-unseen")
    assert told == "whether the provider routes 192.0.2.2 to this machine and 192.0.2.1 is its gateway there"


def test_an_address_that_is_asked_for_is_the_networks_to_give() -> None:
    told = said(networked(networkd("Name=e*")), "network-unseen")
    assert told == "whether the provider's DHCP server answers on its network interface"
    assert said(networked(networkd("Name=eth0")), "network-unseen").endswith("answers on eth0")


def test_a_boot_loader_that_was_judged_is_left_out() -> None:
    assert said(server(), "boot-unseen") == "whether the machine boots completely"
    menu = "menuentry 'Debian' {\n  linux /boot/vmlinuz root=/dev/vda1\n}\n"
    files: dict[str, str | bytes] = {"/boot/grub/grub.cfg": menu, "/boot/vmlinuz": b"MZ" + bytes(1 << 16)}
    assert "firmware" in said(server(files), "boot-unseen")
