"""network-unseen: what the provider expects is not on the disk."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client
from rescue.tree import Tree
from tests.evidence import gaps
from tests.networks import networkd, networked
from tests.trees import server

pytestmark = pytest.mark.unit

STATIC = "Address=203.0.113.10/24\nGateway=203.0.113.1"
PRIVATE = "Address=10.0.0.5/24\nGateway=10.0.0.1"


def static(network: str = STATIC) -> Tree:
    return networked(networkd("Name=eth0", network))


def test_the_network_is_never_judged_whole() -> None:
    (gap,) = gaps(server(), "network-unseen")
    assert "provider" in gap.what
    assert gap.supply


@pytest.mark.parametrize(
    ("network", "expected", "told"),
    [
        (STATIC, "", "whether the provider routes 203.0.113.10 to this machine and 203.0.113.1 is its gateway there"),
        (STATIC.partition("\n")[0], "203.0.113.10", "whether the provider routes 203.0.113.10 to this machine"),
        (PRIVATE, "198.51.100.7", "whether the provider translates 198.51.100.7 to 10.0.0.5"),
        (
            f"{STATIC}\nAddress=10.0.0.5/24", "203.0.113.10",
            "whether the provider routes 203.0.113.10 to this machine and 203.0.113.1 is its gateway there",
        ),
        ("DHCP=ipv4", "", "whether the provider's DHCP server answers on eth0"),
        ("DHCP=ipv4", "203.0.113.10", "whether the provider's DHCP server answers on eth0 and gives 203.0.113.10"),
    ],
)  # fmt: skip
def test_it_says_precisely_what_is_not_known(network: str, expected: str, told: str) -> None:
    client = Client(expected=(ip_address(expected),) if expected else ())
    (gap,) = gaps(static(network), "network-unseen", client)
    assert gap.what == told
    assert ("--expect-address" in gap.supply) is (not expected and "DHCP" not in network)


def test_an_address_by_hand_and_one_by_dhcp_are_told_apart() -> None:
    both = gaps(static(f"{PRIVATE}\nDHCP=ipv4"), "network-unseen")
    assert [each.what.partition(" 10.0.0.5")[0] for each in both] == [
        "whether the provider routes",
        "whether the provider's DHCP server answers on eth0",
    ]
